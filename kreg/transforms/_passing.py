"""Kinds that hand units on: normalization, depthwise kernels, activations."""

import operator
from typing import Any

import numpy as np
from keras import ops

from kreg.transforms._graph import Call, Tensor
from kreg.transforms._kinds import Kind, Shapes
from kreg.transforms._mixing import activated, foldable_in_window
from kreg.transforms._units import Units


class Free(Kind):
    """A layer without weights that does the same to each channel."""

    shared_units = False


class Elementwise(Free):
    """An activation layer, or an operation such as `keras.ops.relu`."""

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the activation of the constants."""
        return activated(self.layer, known[call.inputs[0]])


class Windowed(Free):
    """A pooling or a padding: at its borders there may be zeros."""

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the zeros, and what is not padded."""
        values = known[call.inputs[0]]
        if getattr(self.layer, "padding", None) == "valid":
            return values
        return np.where(values == 0, values, np.nan)


class Affine(Free):
    """`Rescaling` of all channels by one number."""

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the constants, rescaled."""
        return known[call.inputs[0]] * self.layer.scale + self.layer.offset


class Rescaled(Free):
    """A scaling of inputs by channel that is not trained: `Normalization`."""

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Hands the units on, and pins them: its own state is left whole."""
        super().link(call, units, shapes)
        units.pin(units.of[call.output()])

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns that nothing is known."""
        return np.full_like(known[call.inputs[0]], np.nan)


class BatchNormalized(Kind):
    """BatchNormalization over the last axis."""

    ATTRIBUTES = ("gamma", "beta", "moving_mean", "moving_variance")

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.values = {
            name: ops.convert_to_numpy(getattr(layer, name))
            for name in self.ATTRIBUTES
            if getattr(layer, name, None) is not None
        }

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns what becomes of constants, and beta where gamma is zero."""
        values = self.values
        root = np.sqrt(values["moving_variance"] + self.layer.epsilon)
        gamma = values.get("gamma", np.ones_like(root))
        beta = values.get("beta", np.zeros_like(root))
        scaled = (known[call.inputs[0]] - values["moving_mean"]) / root
        is_flat = np.abs(gamma) <= self.tolerance
        return np.where(is_flat, beta, scaled * gamma + beta)

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the entries of the channels that stay."""
        return {name: value[kept] for name, value in self.values.items()}


class NormalizedByChannel(Free):
    """LayerNormalization over axes that are not the channels'."""

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.values = {
            name: ops.convert_to_numpy(getattr(layer, name))
            for name in ("gamma", "beta")
            if getattr(layer, name, None) is not None
        }

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns beta, where it is the same at all positions."""
        values = known[call.inputs[0]]
        beta = self.values.get("beta", np.zeros(1))
        is_even = (beta == beta.flat[0]).all()
        shift = beta.flat[0] if is_even else np.nan
        return np.where(np.isnan(values), values, shift)

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns its own, by position: none belongs to a channel."""
        return self.values


class Gated(Kind):
    """FeatureGate: what a closed gate lets through is zero."""

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.gates = ops.convert_to_numpy(layer.gates)

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns zero for closed gates, and what becomes of constants."""
        is_closed = self.gates <= self.tolerance
        return np.where(is_closed, 0.0, known[call.inputs[0]] * self.gates)

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the gates that stay, and what counts and draws."""
        held = {
            name: ops.convert_to_numpy(operator.attrgetter(name)(self.layer))
            for name in ("log_alpha", "counter.calls", "seed_generator.state")
        }
        return {**held, "log_alpha": held["log_alpha"][kept]}


class Sloped(Kind):
    """PReLU: a slope for each channel, maybe for each position as well."""

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.alpha = ops.convert_to_numpy(layer.alpha)

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the constants, sloped alike at all positions."""
        values = known[call.inputs[0]]
        slopes = self.alpha.reshape(-1, self.alpha.shape[-1])
        is_even = (slopes == slopes[0]).all(axis=0)
        sloped = np.where(is_even, values * slopes[0], np.nan)
        return np.where(values < 0, sloped, values)

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the slopes of the channels that stay."""
        is_shared = self.alpha.shape[-1] == 1  # by the channels
        return {"alpha": self.alpha if is_shared else self.alpha[..., kept]}


class Depthwise(Kind):
    """DepthwiseConv1D and DepthwiseConv2D: a few outputs for each input."""

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.kernel = ops.convert_to_numpy(layer.kernel)
        self.multiplier = self.kernel.shape[-1]
        self.bias = (
            ops.convert_to_numpy(layer.bias)
            if layer.use_bias
            else np.zeros(self.kernel.shape[-2] * self.multiplier, "float32")
        )

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Hands each unit on to the outputs made of it."""
        inputs = units.of[call.inputs[0]]
        units.of[call.output()] = np.repeat(inputs, self.multiplier)

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns what becomes of constants, and of what has no weights."""
        values = known[call.inputs[0]]
        window = tuple(range(self.kernel.ndim - 2))
        summed = self.kernel.astype("float64").sum(axis=window)
        is_zero = np.abs(self.kernel).max(axis=window) <= self.tolerance
        foldable = foldable_in_window(self.layer, values)[:, None]
        made = np.where(foldable, values[:, None] * summed, np.nan)
        made = np.where(is_zero & ~foldable, 0.0, made)
        return activated(self.layer.activation, made.ravel() + self.bias)

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the windows of the channels that stay."""
        found = {"kernel": self.kernel[..., taken, :]}
        if self.layer.use_bias:
            found["bias"] = self.bias[kept]
        return found

    def multiply_adds(self) -> int:
        """Returns the number of weights in the kernel."""
        return self.kernel.size

"""Kinds that make new units of their inputs: Dense and convolutions."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kreg.transforms._graph import Call, Tensor
from kreg.transforms._kinds import Kind, Shapes, unknown
from kreg.transforms._units import Units

ELEMENTWISE = {
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "threshold",
}
ACROSS = {"softmax", "log_softmax", "sparsemax"}
_OF_LAYERS = {
    keras.layers.ELU: "elu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.ReLU: "relu",
}
_OF_OPERATIONS = {
    name.replace("_", ""): name for name in (*ELEMENTWISE, *ACROSS, "glu")
}


def activation_name(activation: Any) -> str:
    """Returns the name of a Keras activation; `""` for a user's own.

    A layer may be one, as in `Dense(8, activation=LeakyReLU(0.2))`.
    """
    name = getattr(activation, "__name__", "")
    if isinstance(activation, keras.layers.Layer):
        name = _OF_LAYERS.get(type(activation), "")
    known = (activation.__module__ or "").startswith("keras.")
    return name if known else ""


def operation_name(layer: Any) -> str:
    """Returns the name of the activation that an operation is, or `""`.

    `keras.ops.hard_sigmoid(x)` in a Functional model is a `HardSigmoid`.
    """
    if not is_operation(layer):
        return ""
    return _OF_OPERATIONS.get(type(layer).__name__.lower(), "")


def is_operation(layer: Any) -> bool:
    """Tells whether what is called in a graph is an operation of Keras."""
    is_layer = isinstance(layer, keras.layers.Layer)
    return not is_layer and (type(layer).__module__ or "").startswith("keras.")


def activated(activation: Any, values: np.ndarray) -> np.ndarray:
    """Applies a Keras activation, or a function, to values that may be NaN."""
    held = np.nan_to_num(values).astype("float32")[None]
    result = ops.convert_to_numpy(activation(ops.convert_to_tensor(held)))[0]
    if activation_name(activation) in ACROSS and np.isnan(values).any():
        return unknown(len(values))
    # An infinite constant is left where it is: 0 times it is no number.
    is_known = ~np.isnan(values) & np.isfinite(result)
    return np.where(is_known, result, np.nan)


class Mixing(Kind):
    """A layer with a kernel from all its inputs to all its outputs."""

    size = "units"  # its argument for the number of outputs

    def __init__(self, layer: Any, tolerance: float):
        super().__init__(layer, tolerance)
        self.kernel = ops.convert_to_numpy(layer.kernel)
        self.outputs = self.kernel.shape[-1]
        self.bias = (
            ops.convert_to_numpy(layer.bias)
            if layer.use_bias
            else np.zeros(self.outputs, "float32")
        )

    def largest(self) -> np.ndarray:
        """Returns the largest |weight| from each input to each output."""
        return np.abs(self.kernel)

    def summed(self) -> np.ndarray:
        """Returns the sum of the weights from each input to each output."""
        return self.kernel.astype("float64")

    def foldable(self, constants: np.ndarray) -> np.ndarray:
        """Returns which input constants have the same effect everywhere."""
        return ~np.isnan(constants)

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Makes new units; pins them if the activation looks across them."""
        made = units.new(self.outputs)
        units.of[call.output()] = made
        if activation_name(self.layer.activation) not in ELEMENTWISE:
            units.pin(made)

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the outputs that no varying input reaches."""
        inputs = known[call.inputs[0]]
        foldable = self.foldable(inputs)
        reached = self.largest() > self.tolerance
        varies = (reached & ~foldable[:, None]).any(axis=0)
        values = self.bias + np.where(foldable, inputs, 0.0) @ self.summed()
        if not activation_name(self.layer.activation):
            return unknown(self.outputs)
        values = np.where(varies, np.nan, values)
        return activated(self.layer.activation, values)

    def needs(
        self, live: np.ndarray, constants: np.ndarray
    ) -> np.ndarray | None:
        """Returns the inputs with a weight to a live output."""
        reached = self.largest()[:, live] > self.tolerance
        return reached.any(axis=1) & ~self.foldable(constants)

    def configure(
        self, arguments: dict[str, Any], kept: np.ndarray, folded: bool
    ) -> dict[str, Any]:
        """Returns the arguments with the new number of outputs."""
        use_bias = arguments["use_bias"] or folded
        return {**arguments, self.size: len(kept), "use_bias": use_bias}

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the slice of the kernel, and the bias with the constants."""
        gone = np.setdiff1d(np.arange(len(constants)), taken)
        gone = gone[~np.isnan(constants[gone])]
        bias = self.bias + constants[gone] @ self.summed()[gone]
        return {**self.sliced(taken, kept), "bias": bias[kept]}

    def sliced(self, taken: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
        """Returns the slice of the kernel."""
        return {"kernel": self.kernel[..., taken, :][..., kept]}

    def multiply_adds(self) -> int:
        """Returns the number of weights in the kernel."""
        return self.kernel.size


class Convolution(Mixing):
    """Conv1D, Conv2D, Conv3D."""

    size = "filters"

    def largest(self) -> np.ndarray:
        """Returns the largest |weight| over the window."""
        window = tuple(range(self.kernel.ndim - 2))
        return np.abs(self.kernel).max(axis=window)

    def summed(self) -> np.ndarray:
        """Returns the sum of the weights over the window."""
        window = tuple(range(self.kernel.ndim - 2))
        return self.kernel.astype("float64").sum(axis=window)

    def foldable(self, constants: np.ndarray) -> np.ndarray:
        """Padding puts zeros beside a constant: then it must be zero too."""
        return foldable_in_window(self.layer, constants)


class Separable(Convolution):
    """SeparableConv1D and SeparableConv2D."""

    def __init__(self, layer: Any, tolerance: float):
        Kind.__init__(self, layer, tolerance)
        self.depthwise = ops.convert_to_numpy(layer.depthwise_kernel)
        self.pointwise = ops.convert_to_numpy(layer.pointwise_kernel)
        self.outputs = self.pointwise.shape[-1]
        self.bias = (
            ops.convert_to_numpy(layer.bias)
            if layer.use_bias
            else np.zeros(self.outputs, "float32")
        )

    def largest(self) -> np.ndarray:
        """Returns the weaker of the two weights on the way, at its largest."""
        first = np.abs(self._window()).max(axis=0)[..., None]
        return np.minimum(first, np.abs(self._points())).max(axis=1)

    def summed(self) -> np.ndarray:
        """Returns the sum of the products of weights on the way."""
        first = self._window().astype("float64").sum(axis=0)
        return np.einsum("im,imo->io", first, self._points())

    def sliced(self, taken: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
        """Returns the slices of both kernels."""
        multiplier = self.depthwise.shape[-1]
        points = self._points()[taken][..., kept]
        shape = self.pointwise.shape[:-2]
        return {
            "depthwise_kernel": self.depthwise[..., taken, :],
            "pointwise_kernel": points.reshape(
                *shape, len(taken) * multiplier, len(kept)
            ),
        }

    def multiply_adds(self) -> int:
        """Returns the number of weights in both kernels."""
        return self.depthwise.size + self.pointwise.size

    def _window(self) -> np.ndarray:
        return self.depthwise.reshape(-1, *self.depthwise.shape[-2:])

    def _points(self) -> np.ndarray:
        return self.pointwise.reshape(*self.depthwise.shape[-2:], -1)


def foldable_in_window(layer: Any, constants: np.ndarray) -> np.ndarray:
    """Returns which constants a convolution makes constants of."""
    known = ~np.isnan(constants)
    is_padded = layer.padding != "valid" and math.prod(layer.kernel_size) > 1
    return known & (constants == 0) if is_padded else known


def mixing_kind(layer: Any) -> type[Mixing] | None:
    """Returns the kind of a layer with a kernel, if it is understood."""
    keras_layers = keras.layers
    if type(layer) is keras_layers.Dense:
        return Mixing
    plain = (keras_layers.Conv1D, keras_layers.Conv2D, keras_layers.Conv3D)
    if type(layer) in plain and layer.groups == 1:
        return Convolution
    separable = (keras_layers.SeparableConv1D, keras_layers.SeparableConv2D)
    if type(layer) in separable:
        return Separable
    return None

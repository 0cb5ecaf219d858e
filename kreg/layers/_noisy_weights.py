"""`NoisyWeights`: what wrappers that put noise on weights share."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kreg._validation import check_layer, fail
from kreg.layers._noise_state import NoiseState
from kreg.layers._substitution import call_with


class NoisyWeights(NoiseState, keras.layers.Wrapper):
    """Base class of wrappers that put noise on weights while training.

    The variables are never changed: in a training step the wrapped layer is
    called with noisy copies in their place. A subclass creates its Strength
    with `new_strength` and implements `noisy(weight)`.

    Args:
        layer: Keras layer with weights.
        weights: Name or sequence of names of weights, or `None`: all whose
            names end in `kernel`.
        **kwargs: Arguments of `NoiseState` and of `keras.layers.Layer`.
    """

    def __init__(
        self,
        layer: Any,
        weights: str | Sequence[str] | None = None,
        **kwargs: Any,
    ):
        check_layer(layer, "layer")
        super().__init__(layer, **kwargs)
        self.weight_names = _check_names(weights)
        self.supports_masking = layer.supports_masking
        self._passes_mask = "mask" in inspect.signature(layer.call).parameters

    def build(self, input_shape: Any = None) -> None:
        """Builds the wrapped layer and finds the weights to disturb."""
        super().build(input_shape)
        if not self.layer.weights:
            fail("layer", "a layer with weights", self.layer)
        names = {v.name for v in self.layer.weights}
        unknown = set(self.weight_names or ()) - names
        if unknown or not self._disturbed():
            fail(
                "weights",
                "names of weights of the wrapped layer, which are "
                f"{sorted(names)}",
                self.weight_names,
            )

    def call(
        self,
        inputs: Any,
        training: bool | None = None,
        mask: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Calls the wrapped layer, with noisy weights if `training`."""
        if mask is not None and self._passes_mask:
            kwargs["mask"] = mask
        if not training:
            return self.layer(inputs, **kwargs)
        noisy = [
            (variable, self.noisy(ops.convert_to_tensor(variable)))
            for variable in self._disturbed()
        ]
        outputs, losses, updates = call_with(
            self.layer, noisy, lambda: self.layer(inputs, **kwargs)
        )
        for loss in losses:
            # A new tensor: Keras knows losses by identity, and the wrapped
            # layer claims the old one.
            self.add_loss(ops.multiply(loss, 1.0))
        for variable, value in updates:
            variable.assign(value)
        self.counter.advance()
        return outputs

    def noisy(self, weight: Any) -> Any:
        """Returns `weight` with noise, as of the current step."""
        raise NotImplementedError(
            f"Layer '{type(self).__name__}' must override "
            "`noisy(self, weight)`."
        )

    def _disturbed(self) -> list[Any]:
        names = self.weight_names
        return [
            v
            for v in self.layer.weights
            if (v.name.endswith("kernel") if names is None else v.name in names)
        ]

    def compute_output_spec(
        self, inputs: Any, training: Any = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        """Returns what a symbolic call of the wrapped layer returns."""
        return self.layer.compute_output_spec(inputs, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Returns the mask of the wrapped layer."""
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        names = self.weight_names
        return {
            **super().get_config(),
            "weights": None if names is None else list(names),
        }


def _check_names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Sequence) or not all(
        isinstance(name, str) for name in names
    ):
        fail("weights", "a string, a sequence of strings or None", names)
    return tuple(names)

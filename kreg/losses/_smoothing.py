"""Where a loss has its label smoothing from: a constant, or a layer."""

from typing import Any

import keras
from keras import ops

from kreg._validation import check_strength, fail
from kreg.layers import ScheduledLabelSmoothing

_ON_JAX = keras.backend.backend() == "jax"


class Smoothing:
    """A share in [0, 1] that is a constant, or a Strength of the model.

    It is no Keras object, so that saving a model, which visits all that its
    loss holds, does not take the layer for a part of the loss.

    Args:
        value: Float in [0, 1], a `ScheduledLabelSmoothing`, or the name of
            one in the model.
    """

    def __init__(self, value: Any):
        self.layer: Any = None
        self.name = ""
        self.constant = 0.0
        if isinstance(value, ScheduledLabelSmoothing):
            self.layer = value
        elif isinstance(value, str) and value:
            self.name = value
        elif isinstance(value, (str, keras.layers.Layer)):
            fail(
                "label_smoothing",
                "a float in [0, 1] or a kreg.layers.ScheduledLabelSmoothing",
                value,
            )
        else:
            self.constant = check_strength(value, "label_smoothing", 1.0)

    @property
    def config(self) -> float | str:
        """The constant, or the name of the layer."""
        if self.layer is not None:
            return str(self.layer.name)
        return self.name or self.constant

    def read(self, y_pred: Any) -> Any:
        """Returns the share: a float, or a scalar of the dtype of `y_pred`.

        Raises:
            RuntimeError: If the layer is not part of the model.
        """
        if self.layer is None and not self.name:
            return self.constant
        # From a file it has a name alone. In each step a model calls its
        # layers before its loss, so the layer called last is the model's own.
        name = self.name or self.layer.name
        latest = ScheduledLabelSmoothing.latest(name)
        if latest is None:
            raise RuntimeError(
                "The loss reads its label smoothing from a layer kreg.layers."
                f"ScheduledLabelSmoothing named '{name}', but no model has "
                "called one. Put the layer into the model."
            )
        layer = self.layer or latest
        if _ON_JAX:
            from kreg.losses._frozen_jax import is_frozen

            if is_frozen(layer.label_smoothing.variable.value, y_pred):
                raise RuntimeError(
                    "The loss reads its label smoothing from the layer "
                    f"'{name}', which is no part of the model that is trained: "
                    "JAX would freeze the value into the compiled step. Put "
                    "the layer into the model, or compile the model with a "
                    "loss that refers to the layer it has."
                )
        return ops.cast(layer.smoothing, y_pred.dtype)

"""What both smoothed cross-entropies share."""

from typing import Any

import keras
from keras import ops

from kreg._validation import fail
from kreg.losses._smoothing import Smoothing


class SmoothedCrossentropy(keras.losses.Loss):
    """Base class: the cross-entropy to labels that are smoothed.

    Args:
        label_smoothing: Float in [0, 1], or a `ScheduledLabelSmoothing`.
        from_logits: Boolean.
        reduction: As in the losses of Keras.
        axis: Integer. The axis of the classes.
        name: Optional string.
        dtype: Dtype of the computations.
    """

    def __init__(
        self,
        label_smoothing: Any = 0.1,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if isinstance(axis, bool) or not isinstance(axis, int):
            fail("axis", "an integer", axis)
        if not isinstance(from_logits, bool):
            fail("from_logits", "a boolean", from_logits)
        self.smoothing = Smoothing(label_smoothing)
        self.from_logits = from_logits
        self.axis = axis

    @property
    def label_smoothing(self) -> Any:
        """What was given: a float, or the layer that holds the Strength."""
        return self.smoothing.layer or self.smoothing.config

    def smoothed(self, labels: Any, y_pred: Any) -> Any:
        """Returns the cost of each sample, for labels as probabilities."""
        classes = y_pred.shape[self.axis]
        share = self.smoothing.read(y_pred)
        return ops.categorical_crossentropy(
            labels * (1.0 - share) + share / classes,
            y_pred,
            from_logits=self.from_logits,
            axis=self.axis,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "label_smoothing": self.smoothing.config,
            "from_logits": self.from_logits,
            "axis": self.axis,
        }

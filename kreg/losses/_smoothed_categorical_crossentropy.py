"""Cross-entropy with smoothed labels, for one-hot and for soft labels."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg.losses._smoothed_crossentropy import SmoothedCrossentropy


@register
class SmoothedCategoricalCrossentropy(SmoothedCrossentropy):
    """Cross-entropy whose label smoothing can change while a model trains.

    Drop-in for `keras.losses.CategoricalCrossentropy`, for one-hot labels and
    for soft ones, as MixUp makes them. For `K` classes, predicted
    probabilities `p` and the label `q`, a sample costs

        (1 - s) * sum_k q[k] * (-log p[k]) + s / K * sum_k (-log p[k])

    where `s` is `label_smoothing`. What is said of it, and of `val_loss`, in
    `kreg.losses.SmoothedSparseCategoricalCrossentropy` holds here too.

    Args:
        label_smoothing: Float in [0, 1]: the share of the label spread over
            all classes; or the `kreg.layers.ScheduledLabelSmoothing` of the
            model, or its name. Defaults to `0.1`.
        from_logits: Boolean. Whether predictions are logits rather than
            probabilities. Defaults to `False`.
        reduction: As in `keras.losses.CategoricalCrossentropy`. Defaults to
            `"sum_over_batch_size"`.
        axis: Integer. The axis of the classes. Defaults to `-1`.
        name: Optional string.
        dtype: Dtype of the computations. Defaults to `None`, the setting of
            Keras.

    Call arguments:
        y_true: Probabilities of shape `(batch_size, ..., K)`.
        y_pred: Floats of the same shape.
        sample_weight: Optional floats that multiply the costs.

    Returns:
        Scalar tensor, or one cost per sample if `reduction` is `None`.

    Raises:
        ValueError: If `label_smoothing` is outside [0, 1] or `axis` is no
            integer.

    Example:

    >>> loss = kreg.losses.SmoothedCategoricalCrossentropy(0.1)
    >>> twin = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    >>> p = np.array([[0.7, 0.2, 0.1]], "float32")
    >>> q = np.array([[0.5, 0.5, 0.0]], "float32")
    >>> abs(float(loss(q, p)) - float(twin(q, p))) < 1e-6
    True

    References:

    - [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)
    """

    def __init__(
        self,
        label_smoothing: Any = 0.1,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "smoothed_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            label_smoothing, from_logits, reduction, axis, name, dtype
        )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the cost of each sample."""
        y_pred = ops.convert_to_tensor(y_pred)
        return self.smoothed(ops.cast(y_true, y_pred.dtype), y_pred)

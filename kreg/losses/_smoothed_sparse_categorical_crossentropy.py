"""Cross-entropy with smoothed labels, for labels that are class numbers."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg.losses._smoothed_crossentropy import SmoothedCrossentropy


@register
class SmoothedSparseCategoricalCrossentropy(SmoothedCrossentropy):
    """Sparse cross-entropy that does not trust the labels entirely.

    Keras smooths one-hot labels only. This takes class numbers and is equal
    to `keras.losses.CategoricalCrossentropy(label_smoothing=...)`. For `K`
    classes, predicted probabilities `p` and the label `y`, a sample costs

        (1 - s) * (-log p[y]) + s / K * sum_k (-log p[k])

    where `s` is `label_smoothing`: the cross-entropy to a label that is `1 -
    s + s / K` sure of its class and gives `s / K` to each other one.

    For smoothing that can change while the model trains, put a
    `kreg.layers.ScheduledLabelSmoothing` into the model and give it as
    `label_smoothing`: it holds the `kreg.Strength` and follows the schedule.
    As Keras does, this smooths `val_loss` too, so compare smoothings by a
    metric.

    Args:
        label_smoothing: Float in [0, 1]: the share of the label spread over
            all classes; or the `kreg.layers.ScheduledLabelSmoothing` of the
            model, or its name (which is what a saved model has). Defaults to
            `0.1`.
        from_logits: Boolean. Whether predictions are logits rather than
            probabilities. Defaults to `False`.
        reduction: As in `keras.losses.SparseCategoricalCrossentropy`.
            Defaults to `"sum_over_batch_size"`.
        axis: Integer. The axis of the classes. Defaults to `-1`.
        name: Optional string.
        dtype: Dtype of the computations. Defaults to `None`, the setting of
            Keras.

    Call arguments:
        y_true: Integers of shape `(batch_size, ...)` or `(batch_size, ..., 1)`.
        y_pred: Floats of shape `(batch_size, ..., K)`.
        sample_weight: Optional floats that multiply the costs.

    Returns:
        Scalar tensor, or one cost per sample if `reduction` is `None`.

    Raises:
        ValueError: If `label_smoothing` is outside [0, 1] or `axis` is no
            integer.

    Example:

    >>> loss = kreg.losses.SmoothedSparseCategoricalCrossentropy(0.1)
    >>> twin = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    >>> p = np.array([[0.7, 0.2, 0.1]], "float32")
    >>> expected = float(twin(np.array([[1, 0, 0]]), p))
    >>> abs(float(loss(np.array([0]), p)) - expected) < 1e-6
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
        name: str = "smoothed_sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            label_smoothing, from_logits, reduction, axis, name, dtype
        )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the cost of each sample."""
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.squeeze(y_true, axis=self.axis)
        one_hot = ops.one_hot(
            ops.cast(y_true, "int32"),
            y_pred.shape[self.axis],
            self.axis,
            y_pred.dtype,
        )
        return self.smoothed(one_hot, y_pred)

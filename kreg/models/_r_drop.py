"""R-Drop: makes the predictions of two dropout masks agree."""

from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg._validation import fail
from kreg.layers._scheduled_state import ScheduledState
from kreg.models._around import Around


@register
class RDrop(ScheduledState, Around):
    """Trains a classifier to predict the same under two masks of its noise.

    Each batch goes through the model twice, side by side, so that dropout
    draws two masks: that gives predictions `p1` and `p2` of each sample. The
    loss of a sample is

        (loss(y, p1) + loss(y, p2)) / 2
            + alpha * schedule(step) * (KL(p1 || p2) + KL(p2 || p1)) / 2

    with the mean over the batch, weighted by `sample_weight`. It is that of
    the paper, halved in its first part as in the authors' code: where the
    paper sums the two losses its `alpha` is twice the one here. A training
    step takes twice the time and memory.

    Compile and `fit` this model; its layers, weights and predictions are
    those of `model`, which can be used by itself at any time. `evaluate` and
    `predict` are those of `model`, so `val_loss` has no divergence in it, and
    metrics in training see the first of the two predictions. Called with
    `training=True` it returns both, `p1` before `p2`; give
    `kreg.mc_predict` the model inside.

    Args:
        model: Keras model or layer with one output, the probabilities or
            logits of classes along its last axis. Needs noise, such as
            `kreg.layers.ScheduledDropout`: without it both predictions agree.
        alpha: Float >= 0. Multiplies the divergence; same unit as the loss.
            Becomes a `kreg.Strength`. Defaults to `1.0`.
        from_logits: Boolean. Whether the model predicts logits rather than
            probabilities. Defaults to `False`.
        schedule: Optional schedule with values in [0, 1] of the training
            step, such as `kreg.schedules.Ramp(1000)`. Defaults to `None`, a
            constant.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: As `model` takes them, `batch_size` samples.
        training: Boolean; if `True` there are `2 * batch_size` predictions.

    Returns:
        What `model` returns.

    Raises:
        TypeError: If `model` is no Keras 3 model or layer.
        ValueError: If `alpha` is negative or not finite, or the model has
            several outputs, or one class alone.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((4,)),
    ...     kreg.layers.ScheduledDropout(0.3),
    ...     keras.layers.Dense(3),
    ... ])
    >>> r_drop = kreg.models.RDrop(model, alpha=0.5, from_logits=True)
    >>> r_drop.compile(
    ...     "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ... )
    >>> history = r_drop.fit(
    ...     np.ones((8, 4)), np.zeros(8), epochs=1, verbose=0
    ... )
    >>> r_drop.predict(np.ones((8, 4)), verbose=0).shape
    (8, 3)

    References:

    - [Wu et al., 2021](https://arxiv.org/abs/2106.14448)
    """

    def __init__(
        self,
        model: Any,
        alpha: float = 1.0,
        from_logits: bool = False,
        schedule: Any = None,
        **kwargs: Any,
    ):
        super().__init__(model, schedule=schedule, **kwargs)
        if not isinstance(from_logits, bool):
            fail("from_logits", "a boolean", from_logits)
        self.from_logits = from_logits
        self.alpha = self.new_strength("alpha", alpha)
        self.divergence = _Divergence(from_logits)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns the predictions, of each sample twice if `training`."""
        if not training:
            return self.model(inputs, training=training)
        outputs = self.model(_twice(inputs), training=True)
        if keras.tree.is_nested(outputs) or outputs.shape[-1] == 1:
            fail(
                "model",
                "a model with one output, that of two classes or more",
                self.model,
            )
        self.counter.advance()
        return outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the loss, with the divergence if `training`."""
        if not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        sample_weight = _twice(sample_weight)
        loss = super().compute_loss(
            x, _twice(y), y_pred, sample_weight, training
        )
        first, second = ops.split(y_pred, 2)
        other = ops.concatenate([second, first])
        divergence = self.divergence(other, y_pred, sample_weight)
        # The call before has counted this step.
        alpha = self.alpha.effective_at(self.counter.read() - 1)
        return loss + ops.cast(alpha, loss.dtype) * ops.cast(
            divergence, loss.dtype
        )

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Updates the metrics with one prediction of each sample."""
        samples = ops.shape(keras.tree.flatten(x)[0])[0]
        y_pred = keras.tree.map_structure(lambda p: p[:samples], y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current alpha."""
        config = super().get_config()
        del config["calls_per_step"]
        return {**config, "from_logits": self.from_logits}


class _Divergence(keras.losses.Loss):
    """KL(other || prediction): over both halves of a batch, that is both ways.

    A loss of Keras, so that it is averaged, weighted and masked as they are.
    """

    def __init__(self, from_logits: bool):
        super().__init__(name="divergence", dtype="float32")
        self.from_logits = from_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_p, log_q = self._log(y_true), self._log(y_pred)
        return ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1)

    def _log(self, predictions: Any) -> Any:
        if self.from_logits:
            return ops.log_softmax(predictions)
        return ops.log(ops.maximum(predictions, keras.config.epsilon()))


def _twice(structure: Any) -> Any:
    """Returns each tensor of `structure` behind itself along the batch."""
    return keras.tree.map_structure(
        lambda x: None if x is None else ops.concatenate([x, x]), structure
    )

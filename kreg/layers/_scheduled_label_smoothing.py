"""The strength of label smoothing, as state of the model."""

import weakref
from typing import Any

import keras

from kreg._registration import register
from kreg.layers._scheduled_state import ScheduledState

# The layer of each name that was called last: by that a loss which comes from
# a file, and knows a name alone, finds the layer of the model it trains.
_latest: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


@register
class ScheduledLabelSmoothing(ScheduledState, keras.layers.Layer):
    """Holds the label smoothing of a loss, so that it can change in training.

    A loss is not part of a model: it has no state that is saved, is not told
    when it trains, and on JAX a variable that it held would be frozen into
    the compiled step. This layer is. It passes its inputs on as they are,
    counts the training steps, and `kreg.losses` read from it

        s = label_smoothing * schedule(step)

    Put it anywhere in the model where it is called once a step, and give it
    to the loss. In `evaluate` the loss smooths as in the last training step;
    Keras's losses, too, smooth `val_loss`.

    Args:
        label_smoothing: Float in [0, 1]. Share of the label spread over all
            classes. Becomes a `kreg.Strength`: assign
            `layer.label_smoothing = 0.2` at any time. Defaults to `0.1`.
        schedule: Optional schedule with values in [0, 1] of the training
            step, such as `kreg.schedules.Ramp(1000)`. Defaults to `None`, a
            constant.
        calls_per_step: Integer >= 1. Calls of the layer in one training step.
            Defaults to `1`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of any shape and dtype.
        training: Boolean; steps are counted only if `True`.

    Returns:
        `inputs`.

    Raises:
        ValueError: If `label_smoothing` is outside [0, 1] or another argument
            is of the wrong kind.

    Example:

    >>> smoothing = kreg.layers.ScheduledLabelSmoothing(
    ...     0.1, schedule=kreg.schedules.Anneal(steps=1000), name="smoothing"
    ... )
    >>> model = keras.Sequential([keras.layers.Dense(10), smoothing])
    >>> model.compile(
    ...     "adam",
    ...     kreg.losses.SmoothedSparseCategoricalCrossentropy(
    ...         smoothing, from_logits=True
    ...     ),
    ... )
    >>> kreg.strengths(model)
    Strengths:
      smoothing/label_smoothing  0.1  x Anneal

    References:

    - [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)
    """

    def __init__(
        self,
        label_smoothing: float = 0.1,
        schedule: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            schedule=schedule, calls_per_step=calls_per_step, **kwargs
        )
        self.label_smoothing = self.new_strength(
            "label_smoothing", label_smoothing, 1.0
        )
        self.supports_masking = True
        self.built = True

    @classmethod
    def latest(cls, name: str) -> Any:
        """Returns the layer called `name` that was called last, or `None`."""
        return _latest.get(name)

    @property
    def smoothing(self) -> Any:
        """Scalar float32 tensor: what the loss of the current batch takes.

        The layer has counted that batch when the loss asks.
        """
        return self.label_smoothing.effective_at(self.counter.read() - 1)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns `inputs`; counts the step if `training`."""
        _latest[self.name] = self
        if training:
            self.counter.advance()
        return inputs

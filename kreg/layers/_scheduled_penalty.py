"""A penalty on the weights of one layer that follows a schedule."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kreg import schedules
from kreg._registration import register
from kreg._validation import check_layer, fail
from kreg.layers._step_counter import StepCounter
from kreg.regularizers import Penalty
from kreg.strength import HoldsStrengths


@register
class ScheduledPenalty(HoldsStrengths, keras.layers.Wrapper):
    """Wraps a layer and penalizes its weights on a schedule, in training only.

    A penalty given as `kernel_regularizer=` cannot follow a schedule: Keras
    evaluates it in `evaluate` too and does not tell it the step. This wrapper
    counts the steps inside the compiled graph and adds to the loss

        schedule(step) * penalty(w)    for each penalized weight w

    while training. So `val_loss` is clean of it. A step is one executed
    training batch. The step is saved with the model, as are the strengths of
    the penalty.

    Args:
        layer: Keras layer with weights.
        penalty: A kreg penalty, such as `kreg.regularizers.L2(1e-3)`; it
            belongs to this wrapper from then on.
        schedule: Schedule with values in [0, 1] of the training step.
        weights: String or sequence of strings. The names of the weights to
            penalize, inside inner layers too. Defaults to `"kernel"`.
        calls_per_step: Integer >= 1. Calls of the layer in one training step,
            more than one where it is shared; they share the penalty.
            Defaults to `1`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: What the wrapped layer takes.
        training: Boolean; the penalty is added only if `True`.
        **kwargs: Further call arguments of the wrapped layer.

    Returns:
        What the wrapped layer returns.

    Raises:
        TypeError: If `layer` is no Keras 3 layer.
        ValueError: If `penalty` is no kreg penalty or has a schedule already,
            the schedule leaves [0, 1], or no weight has such a name.

    Example:

    >>> layer = kreg.layers.ScheduledPenalty(
    ...     keras.layers.Dense(4),
    ...     kreg.regularizers.L2(1e-3),
    ...     kreg.schedules.Ramp(steps=1000),
    ... )
    >>> _ = layer(np.ones((2, 3), "float32"), training=True)
    >>> [float(loss) for loss in layer.losses]  # step 0: nothing yet
    [0.0]
    >>> int(layer.step)
    1
    """

    def __init__(
        self,
        layer: Any,
        penalty: Any,
        schedule: Any,
        weights: str | Sequence[str] = "kernel",
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        check_layer(layer, "layer")
        super().__init__(layer, **kwargs)
        self.penalty = _check_penalty(penalty)
        self.schedule = schedules.get(schedule)
        if self.schedule is None:
            fail("schedule", "a schedule; see kreg.schedules", schedule)
        self.weight_names = (
            (weights,) if isinstance(weights, str) else tuple(weights)
        )
        self.counter = StepCounter(self, calls_per_step)
        self.supports_masking = layer.supports_masking
        for strength in self.penalty.held_strengths():
            strength.follow(self.schedule, self.counter.read)

    @property
    def step(self) -> int:
        """Integer: training steps so far."""
        return int(self.counter)

    def build(self, input_shape: Any = None) -> None:
        """Builds the wrapped layer and finds the weights to penalize."""
        super().build(input_shape)
        if not self._penalized():
            fail(
                "weights",
                "names of weights of the wrapped layer, which are "
                f"{sorted({v.name for v in self.layer.weights})}",
                self.weight_names,
            )

    def call(self, inputs: Any, training: Any = None, **kwargs: Any) -> Any:
        """Calls the wrapped layer; adds the penalty if `training`."""
        outputs = self.layer(inputs, **kwargs)
        if training:
            for weight in self._penalized():
                if weight.trainable:  # Keras, too, spares frozen weights
                    loss = self.penalty(weight)
                    self.add_loss(self.counter.once_a_step(loss))
            self.counter.advance()
        return outputs

    def current_penalty(self) -> Any:
        """Scalar tensor: what a training step would add to the loss now."""
        terms = [self.penalty(w) for w in self._penalized() if w.trainable]
        return sum(terms, start=ops.zeros(()))

    def _penalized(self) -> list[Any]:
        weights = self.layer.weights
        return [v for v in weights if v.name in self.weight_names]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Returns the mask of the wrapped layer."""
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "penalty": serialize(self.penalty),
            "schedule": serialize(self.schedule),
            "weights": list(self.weight_names),
            "calls_per_step": self.counter.calls_per_step,
        }


def _check_penalty(penalty: Any) -> Penalty:
    if isinstance(penalty, dict):
        penalty = keras.saving.deserialize_keras_object(penalty)
    if not isinstance(penalty, Penalty):
        fail(
            "penalty",
            "a kreg penalty such as kreg.regularizers.L2(1e-3)",
            penalty,
        )
    if any(s.schedule is not None for s in penalty.held_strengths()):
        fail(
            "penalty",
            "a penalty that has no schedule yet",
            penalty,
            "Give each ScheduledPenalty a penalty of its own",
        )
    return penalty

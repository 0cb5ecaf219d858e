"""FeatureGate: which inputs a network needs, learnt with the weights."""

import math
import numbers
from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg._validation import check_float_tensor, fail
from kreg.layers._noise_state import NoiseState

# Of the paper: the temperature of the gate, and how far beyond [0, 1] its
# range is stretched, so that both ends are taken with a probability > 0.
_TEMPERATURE = 2 / 3
_LOW, _HIGH = -0.1, 1.1
_SHIFT = _TEMPERATURE * math.log(-_LOW / _HIGH)
_EDGE = 1e-6  # keeps draws off 0 and 1, where the logit is infinite


@register
class FeatureGate(NoiseState, keras.layers.Layer):
    """Multiplies each input feature by a gate in [0, 1] that can close.

    The gates are random while training (hard concrete), so that the number
    of open ones has a gradient: an L0 penalty on inputs. With `u` uniform on
    (0, 1), drawn for each sample and feature,

        s = sigmoid((log(u / (1 - u)) + log_alpha) / temperature)
        gate = clip(s * 1.2 - 0.1, 0, 1),    temperature = 2 / 3

    and at inference `gate = clip(sigmoid(log_alpha) * 1.2 - 0.1, 0, 1)`, which
    is exactly 0 for features not needed. `log_alpha` is a trainable weight.
    While training, the layer adds to the loss the expected number of open
    gates, so that `val_loss` is clean of it:

        strength * sum(sigmoid(log_alpha - temperature * log(0.1 / 1.1)))

    Features are the last axis of the inputs.

    Args:
        strength: Float >= 0. What an open gate costs, in the unit of the
            loss. Defaults to `0.01`. Becomes a `kreg.Strength`.
        open_probability: Float in (0, 1). With what probability a gate is
            open at the beginning. Defaults to `0.9`.
        schedule: Optional schedule with values in [0, 1] of the training
            step; multiplies the strength. Defaults to `None`.
        seed: Optional integer or `keras.random.SeedGenerator`.
        calls_per_step: Integer >= 1. Calls of the layer in one training step;
            they share the penalty. Defaults to `1`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, ..., features)`.
        training: Boolean; gates are random, and cost, only if `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `strength` or `open_probability` is out of range, the
            schedule leaves [0, 1], or the number of features is unknown.

    Example:

    >>> gate = kreg.layers.FeatureGate(0.1, open_probability=0.75)
    >>> x = np.ones((1, 4), "float32")
    >>> outputs = gate(x)
    >>> _ = gate(x, training=True)
    >>> round(float(gate.losses[0]), 4)  # 0.1 * 4 gates * 0.75
    0.3
    >>> _ = gate.log_alpha.assign([9.0, -9.0, -9.0, -9.0])
    >>> [float(g) for g in gate.gates]
    [1.0, 0.0, 0.0, 0.0]

    References:

    - [Louizos, Welling & Kingma, 2018](https://arxiv.org/abs/1712.01312)
    """

    def __init__(
        self,
        strength: float = 0.01,
        open_probability: float = 0.9,
        schedule: Any = None,
        seed: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            schedule=schedule,
            seed=seed,
            calls_per_step=calls_per_step,
            **kwargs,
        )
        is_number = isinstance(open_probability, numbers.Real)
        if not (is_number and 0 < open_probability < 1):
            fail("open_probability", "a float in (0, 1)", open_probability)
        self.open_probability = float(open_probability)
        self.strength = self.new_strength("strength", strength)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Creates the weight of each feature's gate."""
        if not input_shape or input_shape[-1] is None:
            raise ValueError(
                "Invalid value for argument `inputs`. Expected a known number "
                "of features along the last axis. Received: inputs of shape "
                f"{tuple(input_shape)}"
            )
        logit = math.log(self.open_probability / (1 - self.open_probability))
        self.log_alpha = self.add_weight(
            name="log_alpha",
            shape=(input_shape[-1],),
            dtype="float32",
            initializer=keras.initializers.Constant(logit + _SHIFT),
            autocast=False,
        )
        self.built = True

    @property
    def gates(self) -> Any:
        """Float32 tensor of shape `(features,)`: the gates at inference."""
        return _stretched(ops.sigmoid(ops.convert_to_tensor(self.log_alpha)))

    @property
    def open_probabilities(self) -> Any:
        """Float32 tensor of shape `(features,)`, of being open in training."""
        return ops.sigmoid(ops.subtract(self.log_alpha, _SHIFT))

    def current_penalty(self) -> Any:
        """Scalar tensor: what a training step would add to the loss now."""
        expected = ops.sum(self.open_probabilities)
        return ops.multiply(self.strength.effective, expected)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns the inputs times their gates; adds the cost if `training`.

        Args:
            inputs: Float tensor of shape `(batch_size, ..., features)`.
            training: Boolean; gates are random, and cost, only if `True`.

        Returns:
            Tensor of the shape and dtype of `inputs`.
        """
        check_float_tensor(inputs, "inputs")
        if not training:
            return ops.multiply(inputs, ops.cast(self.gates, inputs.dtype))
        self.add_loss(self.counter.once_a_step(self.current_penalty()))
        gates = self._random_gates(ops.shape(inputs))
        self.counter.advance()
        return ops.multiply(inputs, ops.cast(gates, inputs.dtype))

    def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
        """Returns what a symbolic call returns, or raises as `call` does."""
        check_float_tensor(inputs, "inputs")
        return super().compute_output_spec(inputs, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

    def _random_gates(self, shape: Any) -> Any:
        draws = keras.random.uniform(shape, dtype="float32", seed=self.draws)
        draws = ops.clip(draws, _EDGE, 1 - _EDGE)
        logit = ops.subtract(ops.log(draws), ops.log1p(ops.negative(draws)))
        raised = ops.divide(ops.add(logit, self.log_alpha), _TEMPERATURE)
        return _stretched(ops.sigmoid(raised))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {
            **super().get_config(),
            "open_probability": self.open_probability,
        }


def _stretched(share: Any) -> Any:
    return ops.clip(ops.add(ops.multiply(share, _HIGH - _LOW), _LOW), 0.0, 1.0)

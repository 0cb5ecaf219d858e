"""Alpha dropout whose rate is state and may follow a schedule."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg.layers._masks import uniform_mask
from kreg.layers._scheduled_dropout import ScheduledDropout

# SELU's value at minus infinity: -alpha * scale.
_SATURATED = -1.6732632423543772 * 1.0507009873554805


@register
class ScheduledAlphaDropout(ScheduledDropout):
    """Dropout for SELU networks, with a rate that can change in training.

    Drop-in for `keras.layers.AlphaDropout`. Inputs are not set to zero but to
    the value `s` at which SELU saturates; then all are moved so that inputs
    of mean 0 and variance 1 keep both. With `r = rate * schedule(step)`,

        y = a * (s with probability r, else x) + b
        a = 1 / sqrt((1 - r) * (1 + r * s^2)),    b = -a * s * r

    At `r = 1` the outputs are zeros, the limit. It acts only in training.
    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        rate: Float in [0, 1]. Fraction of the inputs to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        schedule: Optional schedule with values in [0, 1]. Defaults to `None`.
        noise_shape: Optional shape of the mask, `None` where it is that of
            the inputs. Defaults to `None`.
        seed: Optional integer or `keras.random.SeedGenerator`.
        calls_per_step: Integer >= 1. Calls of the layer in one training step.
            Defaults to `1`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape `(batch_size, ...)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1] or another argument is of the
            wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledAlphaDropout(0.1, seed=1)
    >>> x = np.random.default_rng(0).normal(size=(100, 99)).astype("float32")
    >>> y = ops.convert_to_numpy(layer(x, training=True))
    >>> float(round(y.std(), 1))
    1.0

    References:

    - [Klambauer et al., 2017](https://arxiv.org/abs/1706.02515)
    """

    draw_mask = staticmethod(uniform_mask)  # the numbers of its Keras twin

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs`, some saturated, with their mean and variance."""
        rate = self.rate.effective
        kept, scale = self.draw_mask(
            self.mask_shape(ops.shape(inputs)), rate, self.draws
        )
        # `scale` is 1 / (1 - rate), and 0 at rate 1.
        a = ops.sqrt(ops.divide(scale, 1.0 + rate * _SATURATED**2))
        b = ops.cast(-a * _SATURATED * rate, inputs.dtype)
        saturated = ops.cast(_SATURATED, inputs.dtype)
        return (
            ops.cast(a, inputs.dtype) * ops.where(kept, inputs, saturated) + b
        )

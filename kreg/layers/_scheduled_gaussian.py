"""Gaussian noise on activations: multiplied by, or added."""

from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg.layers._noise import Noise

_MOST = 0.9999  # the standard deviation is infinite at rate 1


def _normal(inputs: Any, seed: Any) -> Any:
    """Standard normal numbers, one for each of `inputs`."""
    return keras.random.normal(ops.shape(inputs), dtype=inputs.dtype, seed=seed)


@register
class ScheduledGaussianDropout(Noise):
    """Multiplies by Gaussian noise, with a rate that can change in training.

    Drop-in for `keras.layers.GaussianDropout`. With
    `r = rate * schedule(step)`, each input becomes

        x * (1 + sqrt(r / (1 - r)) * n),    n ~ N(0, 1)

    which has the mean and the variance of dropout at rate `r`. It acts only
    in training. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 0.9999]; the noise is infinite at 1. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape `(batch_size, ...)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is out of range or another argument is of the
            wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledGaussianDropout(0.2, seed=1)
    >>> y = ops.convert_to_numpy(layer(np.ones((100, 99)), training=True))
    >>> float(round(y.std(), 1))  # sqrt(0.2 / 0.8)
    0.5

    References:

    - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = self.new_strength("rate", rate, _MOST)

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` times noise of mean 1."""
        rate = self.rate.effective
        positive = ops.where(rate > 0.0, rate, 0.5)  # sqrt'(0) is infinite
        stddev = ops.sqrt(ops.divide(positive, 1.0 - positive))
        stddev = ops.cast(ops.where(rate > 0.0, stddev, 0.0), inputs.dtype)
        return inputs * (_normal(inputs, self.draws) * stddev + 1)


@register
class ScheduledGaussianNoise(Noise):
    """Adds Gaussian noise whose deviation can change in training.

    Drop-in for `keras.layers.GaussianNoise`, without its limit of 1. With
    `s = stddev * schedule(step)`, each input becomes

        x + s * n,    n ~ N(0, 1)

    It acts only in training. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        stddev: Float >= 0, in the unit of the inputs. Becomes a
            `kreg.Strength`: assign `layer.stddev = 0.3` at any time.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape `(batch_size, ...)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `stddev` is negative or not finite, or another argument
            is of the wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledGaussianNoise(
    ...     3.0, schedule=kreg.schedules.Anneal(steps=100), seed=1
    ... )
    >>> y = ops.convert_to_numpy(layer(np.zeros((100, 99)), training=True))
    >>> float(round(y.std(), 1))
    3.0

    References:

    - [Bishop, 1995](https://doi.org/10.1162/neco.1995.7.1.108)
    """

    def __init__(self, stddev: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = self.new_strength("stddev", stddev)

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` plus noise of mean 0."""
        stddev = ops.cast(self.stddev.effective, inputs.dtype)
        return inputs + _normal(inputs, self.draws) * stddev

"""Gaussian noise on the weights of a layer."""

from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg.layers._noisy_weights import NoisyWeights


@register
class WeightNoise(NoisyWeights):
    """Wraps a layer and adds Gaussian noise to its weights in each step.

    With `s = stddev * schedule(step)`, each element of a kernel is replaced,
    in the copy that one training step uses, by

        w + s * n,    n ~ N(0, 1)

    which leads to solutions whose loss changes little around them. The
    variable is never changed, and regularizers and constraints see it as it
    is. One draw is made for a batch, and for all steps of a recurrent layer.
    At inference the layer is the wrapped one.

    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        layer: Keras layer with weights: `Dense`, a convolution, a recurrent
            layer, `MultiHeadAttention`, ...
        stddev: Float >= 0, in the unit of the weights. Becomes a
            `kreg.Strength`: assign `layer.stddev = 0.1` at any time.
        weights: String, sequence of strings or `None`: the names of the
            weights to disturb, inside inner layers too. Defaults to `None`,
            all whose names end in `kernel`.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: What the wrapped layer takes.
        training: Boolean; the weights are as they are unless `True`.
        mask: Passed on to the wrapped layer if that takes one.
        **kwargs: Further call arguments of the wrapped layer.

    Returns:
        What the wrapped layer returns.

    Raises:
        TypeError: If `layer` is no Keras 3 layer.
        ValueError: If `stddev` is negative or not finite, the layer has no
            weights or none with such a name.

    Example:

    >>> layer = kreg.layers.WeightNoise(
    ...     keras.layers.Dense(8), 0.1, schedule=kreg.schedules.Anneal(1000)
    ... )
    >>> layer(np.ones((2, 3), "float32"), training=True).shape[1]
    8

    References:

    - [Graves, 2011](https://papers.nips.cc/paper/4329)
    """

    def __init__(self, layer: Any, stddev: float, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.stddev = self.new_strength("stddev", stddev)

    def noisy(self, weight: Any) -> Any:
        """Returns `weight` plus noise of mean 0."""
        noise = keras.random.normal(
            ops.shape(weight), dtype=weight.dtype, seed=self.draws
        )
        return weight + noise * ops.cast(self.stddev.effective, weight.dtype)

"""DropConnect: drops connections of a layer instead of its inputs."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg.layers._masks import bit_mask, masked
from kreg.layers._noisy_weights import NoisyWeights


@register
class DropConnect(NoisyWeights):
    """Wraps a layer and sets some of its weights to zero in each step.

    With `r = rate * schedule(step)`, each element of a kernel is replaced, in
    the copy that one training step uses, by

        0              with probability r
        w / (1 - r)    else

    The variable is never changed, regularizers and constraints see it as it
    is, and its gradient is that of what was kept. One mask is drawn for a
    batch (the paper draws one per sample), and for all steps of a recurrent
    layer, where dropping `"recurrent_kernel"` leaves the memory intact that
    dropout would disturb. At inference the layer is the wrapped one: the
    scaling makes up for the mask, where the paper samples.

    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        layer: Keras layer with weights: `Dense`, a convolution, a recurrent
            layer, `MultiHeadAttention`, ...
        rate: Float in [0, 1]. Probability of dropping a connection. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        weights: String, sequence of strings or `None`: the names of the
            weights to drop from, inside inner layers too. Defaults to `None`,
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
        ValueError: If `rate` is outside [0, 1], the layer has no weights or
            none with such a name.

    Example:

    >>> layer = kreg.layers.DropConnect(
    ...     keras.layers.LSTM(8), 0.5, weights="recurrent_kernel", seed=1
    ... )
    >>> layer(np.ones((2, 5, 3), "float32"), training=True).shape[1]
    8

    References:

    - [Wan et al., 2013](https://proceedings.mlr.press/v28/wan13.html)
    - [Merity et al., 2018](https://arxiv.org/abs/1708.02182) (recurrent)
    """

    def __init__(self, layer: Any, rate: float, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.rate = self.new_strength("rate", rate, 1.0)

    def noisy(self, weight: Any) -> Any:
        """Returns `weight` with a share of it set to zero."""
        kept, scale = bit_mask(
            ops.shape(weight), self.rate.effective, self.draws
        )
        return masked(weight, kept, scale)

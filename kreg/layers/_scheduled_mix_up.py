"""MixUp by Keras's layer, as often as a schedule says."""

from typing import Any

import keras

from kreg._registration import register
from kreg._validation import check_data_format, check_positive
from kreg.layers._mixing import Mixing


@register
class ScheduledMixUp(Mixing):
    """Blends images and labels in pairs, at a rate that can change in training.

    Wraps `keras.layers.MixUp`. With `r = rate * schedule(step)`, another
    sample `j` of the batch and a weight `w` drawn from Beta(alpha, alpha),
    the images and the labels of sample `i` become

        w * x[i] + (1 - w) * x[j]    with probability r
        x[i]                         else

    Acts only in training, and takes the labels too, which no layer inside a
    model sees: `kreg.models.Mixed` puts it around one for `fit`, and a
    training loop of your own calls it with `training=True`. In a `tf.data`
    pipeline there is no training step to count; use Keras's layer there.

    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        rate: Float in [0, 1]. Share of the samples to blend. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.5` at any time. Defaults
            to `1.0`.
        alpha: Float > 0. As in `keras.layers.MixUp`: the larger, the nearer
            the weight is to one half. Defaults to `0.2`.
        data_format: `"channels_last"`, `"channels_first"` or `None`, which is
            the setting of Keras. Defaults to `None`.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Dict of `"images"`, floats of shape `(batch_size, rows,
            columns, channels)`, and `"labels"`, floats of shape `(batch_size,
            classes)`: one-hot or soft.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Dict of the same keys, shapes and dtypes.

    Raises:
        ValueError: If `rate` is outside [0, 1], `alpha` is not positive, or
            the labels are class numbers.

    Example:

    >>> layer = kreg.layers.ScheduledMixUp(
    ...     0.5, schedule=kreg.schedules.Anneal(steps=1000), seed=1
    ... )
    >>> batch = {
    ...     "images": np.ones((4, 8, 8, 3), "float32"),
    ...     "labels": np.eye(4, dtype="float32"),
    ... }
    >>> sorted(layer(batch, training=True))
    ['images', 'labels']

    References:

    - [Zhang et al., 2018](https://arxiv.org/abs/1710.09412)
    """

    def __init__(
        self,
        rate: float = 1.0,
        alpha: float = 0.2,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        # In float32, since some backends draw no float16 from Beta.
        mixer = keras.layers.MixUp(
            check_positive(alpha, "alpha"),
            data_format=check_data_format(data_format),
            dtype="float32",
        )
        super().__init__(mixer, rate, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        return {
            **super().get_config(),
            "alpha": self.mixer.alpha,
            "data_format": self.mixer.data_format,
        }

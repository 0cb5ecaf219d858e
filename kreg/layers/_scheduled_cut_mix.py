"""CutMix by Keras's layer, as often as a schedule says."""

from typing import Any

import keras

from kreg._registration import register
from kreg._validation import check_data_format, check_strength
from kreg.layers._mixing import Mixing


@register
class ScheduledCutMix(Mixing):
    """Pastes boxes between images, at a rate that can change in training.

    Wraps `keras.layers.CutMix`. With `r = rate * schedule(step)`, a sample is
    given, with probability `r`, a box of another sample of the batch, and so
    much of its label as the box covers of the image:

        label = w * label[i] + (1 - w) * label[j],   w = 1 - box / image

    Acts only in training. As it takes the labels, it is used as
    `kreg.layers.ScheduledMixUp` is.

    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        rate: Float in [0, 1]. Share of the samples to paste into. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.5` at any time. Defaults
            to `1.0`.
        factor: Float in [0, 1]. As in `keras.layers.CutMix`: the larger, the
            more the size of the boxes varies. Defaults to `1.0`.
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
        ValueError: If `rate` or `factor` is outside [0, 1], or the labels are
            class numbers.

    Example:

    >>> layer = kreg.layers.ScheduledCutMix(
    ...     0.5, schedule=kreg.schedules.Anneal(steps=1000), seed=1
    ... )
    >>> batch = {
    ...     "images": np.ones((4, 8, 8, 3), "float32"),
    ...     "labels": np.eye(4, dtype="float32"),
    ... }
    >>> sorted(layer(batch, training=True))
    ['images', 'labels']

    References:

    - [Yun et al., 2019](https://arxiv.org/abs/1905.04899)
    """

    def __init__(
        self,
        rate: float = 1.0,
        factor: float = 1.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        # In float32, since some backends draw no float16 from Beta.
        mixer = keras.layers.CutMix(
            check_strength(factor, "factor", 1.0),
            data_format=check_data_format(data_format),
            dtype="float32",
        )
        super().__init__(mixer, rate, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        return {
            **super().get_config(),
            "factor": self.mixer.factor[1],
            "data_format": self.mixer.data_format,
        }

"""Dropout of whole feature maps, with a rate that can change in training."""

from typing import Any

import keras

from kreg._registration import register
from kreg._validation import check_data_format
from kreg.layers._dropping import Dropping


class _SpatialDropout(Dropping):
    """Drops features: the mask has one entry per sample and feature."""

    rank: int
    data_format = "channels_last"

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(rate, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=self.rank)

    def mask_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `shape` with 1 for the axes within a feature map."""
        ones = (1,) * (self.rank - 2)
        if self.data_format == "channels_first":
            return (shape[0], shape[1], *ones)
        return (shape[0], *ones, shape[-1])


class _SpatialDropoutND(_SpatialDropout):
    """A spatial dropout whose features may be the first axis."""

    def __init__(
        self, rate: float, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(rate, **kwargs)
        self.data_format = check_data_format(data_format)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        return {**super().get_config(), "data_format": self.data_format}


@register
class ScheduledSpatialDropout1D(_SpatialDropout):
    """Drops whole 1D feature maps, with a rate that can change in training.

    Drop-in for `keras.layers.SpatialDropout1D`. Neighbours in a feature map are
    alike, so dropping single ones leaves most of what they say in place.
    With `r = rate * schedule(step)`, all of a feature map of a sample becomes

        0              with probability r
        x / (1 - r)    else

    It acts only in training. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 1]. Fraction of the feature maps to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, steps, features)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1] or another argument is of the
            wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledSpatialDropout1D(0.5, seed=1)
    >>> x = np.ones((4, 5, 8), "float32")
    >>> y = ops.convert_to_numpy(layer(x, training=True))
    >>> bool(np.all(y == y[:, :1]))  # a map goes, or stays
    True

    References:

    - [Tompson et al., 2014](https://arxiv.org/abs/1411.4280)
    """

    rank = 3


@register
class ScheduledSpatialDropout2D(_SpatialDropoutND):
    """Drops whole 2D feature maps, with a rate that can change in training.

    Drop-in for `keras.layers.SpatialDropout2D`. Neighbours in a feature map are
    alike, so dropping single ones leaves most of what they say in place.
    With `r = rate * schedule(step)`, all of a feature map of a sample becomes

        0              with probability r
        x / (1 - r)    else

    It acts only in training. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 1]. Fraction of the feature maps to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        data_format: `"channels_last"`, `"channels_first"` or `None`, which is
            the setting of Keras. Defaults to `None`.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, rows, columns, features)`
            or `(batch_size, features, rows, columns)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1] or another argument is of the
            wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledSpatialDropout2D(0.5, seed=1)
    >>> x = np.ones((4, 5, 5, 8), "float32")
    >>> y = ops.convert_to_numpy(layer(x, training=True))
    >>> bool(np.all(y == y[:, :1, :1]))  # a map goes, or stays
    True

    References:

    - [Tompson et al., 2014](https://arxiv.org/abs/1411.4280)
    """

    rank = 4


@register
class ScheduledSpatialDropout3D(_SpatialDropoutND):
    """Drops whole 3D feature maps, with a rate that can change in training.

    Drop-in for `keras.layers.SpatialDropout3D`. Neighbours in a feature map are
    alike, so dropping single ones leaves most of what they say in place.
    With `r = rate * schedule(step)`, all of a feature map of a sample becomes

        0              with probability r
        x / (1 - r)    else

    It acts only in training. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 1]. Fraction of the feature maps to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        data_format: `"channels_last"`, `"channels_first"` or `None`, which is
            the setting of Keras. Defaults to `None`.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, d1, d2, d3, features)`
            or `(batch_size, features, d1, d2, d3)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1] or another argument is of the
            wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledSpatialDropout3D(0.5, seed=1)
    >>> x = np.ones((4, 3, 3, 3, 8), "float32")
    >>> y = ops.convert_to_numpy(layer(x, training=True))
    >>> bool(np.all(y == y[:, :1, :1, :1]))  # a map goes, or stays
    True

    References:

    - [Tompson et al., 2014](https://arxiv.org/abs/1411.4280)
    """

    rank = 5

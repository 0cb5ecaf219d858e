"""DropBlock: drops square regions of feature maps."""

from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg._validation import check_count, check_data_format, fail
from kreg.layers._dropping import Dropping
from kreg.layers._masks import masked


@register
class DropBlock2D(Dropping):
    """Sets square blocks of feature maps to zero, with a rate that can change.

    What a convolution sees at one place it also sees next to it, so dropping
    single places takes little away; blocks do. With
    `r = rate * schedule(step)`, maps of `h * w` and blocks of `b * b`, every
    place at which a whole block fits becomes the corner of one with
    probability

        gamma = r / b^2 * (h * w) / ((h - b + 1) * (w - b + 1))

    independently in each feature map and sample, and what is kept is scaled
    by (number of places) / (number kept), over the whole batch. As in the
    paper, `r` is the fraction dropped to first order: blocks overlap, so the
    share is smaller, about `1 - exp(-r)`. The paper raises the rate linearly
    over the training: `schedule=kreg.schedules.Ramp(steps)`.

    The identity at inference. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 1]. Fraction of the places to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.1` at any time.
        block_size: Integer >= 1. Side of a block, in places; at most that of
            the map. At 1 this is dropout. Defaults to `7`.
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
        ValueError: If `rate` is outside [0, 1], `block_size` is no positive
            integer or larger than the map.

    Example:

    >>> layer = kreg.layers.DropBlock2D(
    ...     0.1, block_size=3, schedule=kreg.schedules.Ramp(steps=1000)
    ... )
    >>> y = layer(np.ones((2, 8, 8, 4), "float32"), training=True)
    >>> float(ops.min(y)), int(layer.step)  # step 0: nothing yet
    (1.0, 1)

    References:

    - [Ghiasi et al., 2018](https://arxiv.org/abs/1810.12890)
    """

    def __init__(
        self,
        rate: float,
        block_size: int = 7,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(rate, **kwargs)
        self.block_size = check_count(block_size, "block_size")
        self.data_format = check_data_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` with blocks set to zero."""
        batch, height, width, features = self._last(ops.shape(inputs))
        size = self.block_size
        rows, columns = height - size + 1, width - size + 1
        places = ops.cast(height * width, "float32")
        corners = ops.cast(rows * columns, "float32")
        gamma = self.rate.effective / size**2 * places / corners
        no_corner, _ = self.draw_mask(
            (batch, rows, columns, features), gamma, self.draws
        )
        # A corner drops the places right of it and below: grow it by pooling.
        margin = size - 1
        dropped = ops.pad(
            ops.cast(ops.logical_not(no_corner), "float32"),
            ((0, 0), (margin, margin), (margin, margin), (0, 0)),
        )
        dropped = ops.max_pool(
            dropped, size, 1, "valid", data_format="channels_last"
        )
        share_kept = 1.0 - ops.mean(dropped)
        any_kept = share_kept > 0.0
        scale = ops.where(
            any_kept, 1.0 / ops.where(any_kept, share_kept, 1.0), 0.0
        )
        kept = ops.less(dropped, 0.5)
        if self.data_format == "channels_first":
            kept = ops.transpose(kept, (0, 3, 1, 2))
        return masked(inputs, kept, scale)

    def _last(self, shape: Any) -> tuple[Any, ...]:
        """Returns a shape in the order of `"channels_last"`."""
        if self.data_format == "channels_first":
            return (shape[0], shape[2], shape[3], shape[1])
        return tuple(shape)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ValueError` unless a block fits into the map."""
        super().check_inputs(inputs)
        _, *sides, _ = self._last(inputs.shape)
        known = [side for side in sides if side is not None]
        if any(side < self.block_size for side in known):
            fail(
                "block_size",
                f"at most the side of the feature map, {min(known)}",
                self.block_size,
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        return {
            **super().get_config(),
            "block_size": self.block_size,
            "data_format": self.data_format,
        }

"""The sum of squares on TensorFlow, which has an operation for it."""

from typing import Any

import tensorflow as tf

from kreg._mapping import is_mapped


def sum_of_squares(x: Any) -> Any:
    """Returns `sum(square(x))`.

    `l2_loss` is half of it. Its gradient is one product; that of a sum of
    squares first spreads a scalar over a tensor of the shape of `x`. Mapped
    over trials it would be a loop, where the sum of squares is not.
    """
    if is_mapped():
        return tf.reduce_sum(tf.square(x))
    return 2.0 * tf.nn.l2_loss(x)

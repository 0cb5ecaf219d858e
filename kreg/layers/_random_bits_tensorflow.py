"""16 random bits per element on TensorFlow, two elements per 32-bit draw."""

from typing import Any


def random_bits(shape: Any, seed: Any) -> Any:
    """Returns uniform uint16 integers.

    Args:
        shape: Sequence of integers and scalar tensors, at least one.
        seed: `keras.random.SeedGenerator`; it advances by one.

    Returns:
        Tensor of dtype uint16 and shape `shape`.
    """
    import tensorflow as tf

    # As Keras does: the state is int64, XLA takes int32.
    state = tf.math.floormod(seed.next(), tf.int32.max - 1)
    size = shape[-1]
    pairs = (size + 1) // 2
    words = tf.random.stateless_uniform(
        (*shape[:-1], pairs),
        seed=tf.cast(state, tf.int32),
        minval=None,
        maxval=None,
        dtype=tf.uint32,
    )
    halves = tf.bitcast(words, tf.uint16)
    bits = tf.reshape(halves, (*shape[:-1], pairs * 2))
    is_even = isinstance(size, int) and size % 2 == 0
    return bits if is_even else bits[..., :size]

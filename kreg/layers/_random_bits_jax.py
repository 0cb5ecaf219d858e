"""16 random bits per element on JAX, two elements per 32-bit draw."""

from typing import Any


def random_bits(shape: Any, seed: Any) -> Any:
    """Returns uniform uint16 integers.

    Args:
        shape: Sequence of integers, at least one.
        seed: `keras.random.SeedGenerator`; it advances by one.

    Returns:
        Array of dtype uint16 and shape `shape`.
    """
    import jax

    size = shape[-1]
    pairs = (size + 1) // 2
    words = jax.random.bits(seed.next(), (*shape[:-1], pairs), "uint32")
    halves = jax.lax.bitcast_convert_type(words, "uint16")
    return halves.reshape(*shape[:-1], pairs * 2)[..., :size]

"""Masks for dropping: what is kept, and the scale that makes up for it.

The scale belongs to the rate that the mask realises, so the expectation of
what is masked stays as it was.
"""

from typing import Any

import keras
from keras import ops

_BACKEND = keras.backend.backend()
_LEVELS = 2**16


def uniform_mask(shape: Any, rate: Any, seed: Any) -> tuple[Any, Any]:
    """Draws a mask with a float per element, as Keras's own layers do.

    Args:
        shape: Shape of the mask.
        rate: Scalar float32 tensor in [0, 1]: the probability of dropping.
        seed: What the random functions of Keras take.

    Returns:
        Boolean tensor, true where kept, and scalar float32 tensor, the factor
        for what is kept: `1 / (1 - rate)`, and 0 at rate 1.
    """
    draws = keras.random.uniform(shape, dtype="float32", seed=seed)
    return ops.greater_equal(draws, rate), scale_of(rate)


def bit_mask(shape: Any, rate: Any, seed: Any) -> tuple[Any, Any]:
    """Draws a mask with 16 bits per element, where the backend has them.

    The rate is rounded to a multiple of 2^-16, which the scale allows for.
    Faster than `uniform_mask`, which it falls back to.

    Args:
        shape: Shape of the mask, of rank 1 or more.
        rate: Scalar float32 tensor in [0, 1]: the probability of dropping.
        seed: `keras.random.SeedGenerator`.

    Returns:
        As `uniform_mask`, with the scale of the rounded rate.
    """
    if _BACKEND == "tensorflow":
        from kreg.layers._random_bits_tensorflow import random_bits
    elif _BACKEND == "jax":
        from kreg.layers._random_bits_jax import random_bits
    else:
        return uniform_mask(shape, rate, seed)
    threshold = ops.round(ops.multiply(rate, _LEVELS))
    # At rate 1 the highest of the levels is kept, with a scale of 0.
    level = ops.cast(ops.minimum(threshold, _LEVELS - 1), "uint16")
    kept = ops.greater_equal(random_bits(shape, seed), level)
    return kept, scale_of(ops.divide(threshold, _LEVELS))


def scale_of(rate: Any) -> Any:
    """Returns `1 / (1 - rate)`, and 0 at rate 1: no infinity, no NaN."""
    kept = ops.where(rate < 1.0, 1.0 - rate, 1.0)
    return ops.where(rate < 1.0, ops.divide(1.0, kept), 0.0)


def masked(x: Any, kept: Any, scale: Any) -> Any:
    """Returns `x * scale` where `kept`, else zeros, in the dtype of `x`."""
    scaled = ops.multiply(x, ops.cast(scale, x.dtype))
    return ops.where(kept, scaled, ops.zeros_like(scaled))

"""16 random bits per element on JAX, four elements per draw of a block cipher.

Written out, for the loop in which `jax.random.bits` turns on a CPU takes three
times as long to compile and seven times as long to run as what XLA makes of
these lines, and a training step draws once for each layer.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def random_bits(shape: Any, seed: Any) -> Any:
    """Returns uniform uint16 integers.

    Args:
        shape: Sequence of integers, at least one.
        seed: `keras.random.SeedGenerator`; it advances by one.

    Returns:
        Array of dtype uint16 and shape `shape`.
    """
    return _random_bits(jnp.asarray(seed.next(), "uint32"), tuple(shape))


@functools.partial(jax.jit, static_argnums=1)
def _random_bits(key: Any, shape: tuple[int, ...]) -> Any:
    *others, size = shape
    blocks = (*others, (size + 3) // 4)
    numbers = jax.lax.iota("uint32", int(np.prod(blocks))).reshape(blocks)
    words = jnp.stack(threefry(key, (jnp.zeros_like(numbers), numbers)), -1)
    bits = jax.lax.bitcast_convert_type(words, "uint16")
    return bits.reshape(*others, blocks[-1] * 4)[..., :size]


def threefry(key: Any, counter: Any) -> tuple[Any, Any]:
    """Returns two uniform uint32 words for each key and counter.

    Threefry-2x32 of 20 rounds, which is what JAX draws with.

    Args:
        key: Array of two uint32.
        counter: Two uint32 arrays of one shape.

    References:

    - [Salmon et al., 2011](https://doi.org/10.1145/2063384.2063405)
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(_PARITY))
    a, b = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            a = a + b
            b = a ^ ((b << rotation) | (b >> (32 - rotation)))
        a = a + keys[(group + 1) % 3]
        b = b + keys[(group + 2) % 3] + np.uint32(group + 1)
    return a, b

"""Small tensors of one shape: one operation for all instead of one each."""

import math
from collections.abc import Sequence
from typing import Any

import keras

# Of larger ones, copying costs more than so many operations.
_SMALL = 2**16


def alike(tensors: Sequence[Any]) -> list[list[int]]:
    """Returns the numbers of the tensors that may be stacked, together.

    Args:
        tensors: Tensors of known shapes.
    """
    found: dict[Any, list[int]] = {}
    for index, tensor in enumerate(tensors):
        shape = tuple(tensor.shape)
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        is_small = math.prod(shape) <= _SMALL
        found.setdefault((shape, dtype) if is_small else index, []).append(
            index
        )
    return list(found.values())

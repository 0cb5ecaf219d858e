"""Cuts what Keras accepts as data into batches."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def is_arrays(data: Any) -> bool:
    """Tells whether `data` is arrays, nested or not, rather than batches."""
    leaves = keras.tree.flatten(data)
    return bool(leaves) and all(
        leaf is None or getattr(leaf, "shape", ()) != () for leaf in leaves
    )


def is_dataset(data: Any) -> bool:
    """Tells whether `data` is an iterable of batches."""
    plain = (str, bytes, tuple, list, dict)
    return hasattr(data, "__iter__") and not isinstance(data, plain)


def cut(data: Any, batch_size: int) -> Iterator[Any]:
    """Yields slices of `batch_size` along the first axis of every array."""
    size = len(next(a for a in keras.tree.flatten(data) if a is not None))
    for begin in range(0, size, batch_size):
        yield take(data, slice(begin, begin + batch_size))


def take(data: Any, index: Any) -> Any:
    """Returns the rows `index` of every array, as NumPy arrays."""
    return keras.tree.map_structure(
        lambda a: None if a is None else np.asarray(a)[index], data
    )


def sample_count(data: Any) -> int:
    """Returns the number of rows of the first array."""
    return len(next(a for a in keras.tree.flatten(data) if a is not None))

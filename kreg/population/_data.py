"""Data as an engine takes it: arrays on the device and rows of batches."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kreg._validation import fail
from kreg.callbacks import _batches

# More than this is not held on the device at once, but sent in pieces.
_RESIDENT_BYTES = 2 * 2**30
_PIECE_BYTES = 256 * 2**20

Piece = tuple[Any, Any, Any]


class Arrays:
    """Samples in memory.

    Args:
        x: Array, or nested structure of arrays.
        y: The same, or `None`.
        sample_weight: The same, or `None`.
        batch_size: Integer >= 1.
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any, batch_size: int):
        self.tree = standardized((x, y, sample_weight))
        self.size = _size(self.tree)
        self.batch_size = batch_size
        self._resident: tuple[Any, Any] = (None, None)

    def pieces(self, engine: Any, order: np.ndarray) -> Iterator[Piece]:
        """Yields `(data, full, rest)`, as `engine.train` takes it.

        Args:
            engine: Engine that will take them.
            order: Rows of the samples, `(samples,)`, or `(trials, samples)`
                where each trial has its own.
        """
        if _bytes(self.tree) <= _RESIDENT_BYTES:
            if self._resident[0] is not engine:
                self._resident = (engine, engine.to_device(self.tree))
            yield (self._resident[1], *cut(order, self.batch_size))
            return
        if order.ndim > 1:
            fail("splits", "data that fits in the device's memory", order.shape)
        per_row = _bytes(self.tree) / self.size
        batches = max(1, int(_PIECE_BYTES / per_row / self.batch_size))
        for begin in range(0, len(order), batches * self.batch_size):
            rows = order[begin : begin + batches * self.batch_size]
            data = engine.to_device(_batches.take(self.tree, rows))
            yield (data, *cut(np.arange(len(rows)), self.batch_size))

    def rows(self, begin: int) -> Any:
        """Returns one batch of samples, from row `begin` on."""
        return _batches.take(self.tree, slice(begin, begin + self.batch_size))

    def example(self) -> Any:
        """Returns the first two samples."""
        return _batches.take(self.tree, slice(0, 2))


class Batches:
    """A dataset, generator or loader, read anew in each epoch.

    With `steps`, training goes on where the last epoch ended, as in Keras, so
    that it sees more than the first batches. Validation sees the same ones.

    Args:
        data: Iterable of batches, or `keras.utils.PyDataset`.
        steps: Optional integer. Batches in an epoch; needed where `data` does
            not end.
        name: String. The argument that it was given as.
    """

    size = None

    def __init__(self, data: Any, steps: int | None, name: str):
        if not (_batches.is_dataset(data) or _is_indexed(data)):
            fail(name, "arrays, a dataset or an iterable of batches", data)
        self.data = data
        self.steps = steps
        self._is_used_up = hasattr(data, "__next__")
        self._goes_on = self._is_used_up or (steps is not None and name == "x")
        self._iterator: Iterator[Any] | None = None
        self._first: Any = None

    def example(self) -> Any:
        """Returns the first batch, without taking it away."""
        if self._first is None:
            self._iterator = self._begin()
            self._first = next(self._iterator, None)
            if self._first is None:
                raise ValueError("The dataset has no batches.")
        return self._first

    def pieces(self, engine: Any, order: Any = None) -> Iterator[Piece]:
        """Yields `(data, full, rest)` for each batch of an epoch."""
        for batch in self._epoch():
            rows = np.arange(_batches.sample_count(batch), dtype="int32")
            yield engine.to_device(batch), None, rows

    def _epoch(self) -> Iterator[Any]:
        count = 0
        if self._first is not None:
            first, self._first = self._first, None
            yield first
            count = 1
        elif not self._goes_on or self._iterator is None:
            self._iterator = self._begin()
        assert self._iterator is not None
        while self.steps is None or count < self.steps:
            batch = next(self._iterator, None)
            if batch is None and count == 0 and not self._is_used_up:
                # The last epoch ended where the data did.
                self._iterator = self._begin()
                batch = next(self._iterator, None)
            if batch is None:
                if count == 0:
                    raise ValueError(
                        "The data ran out of batches before this epoch. Pass "
                        "`steps_per_epoch`, or data that can be read again."
                    )
                if not self._is_used_up:
                    self._iterator = None
                break
            yield batch
            count += 1
        if _is_indexed(self.data):
            self.data.on_epoch_end()

    def _begin(self) -> Iterator[Any]:
        if _is_indexed(self.data):
            source: Any = (self.data[i] for i in range(len(self.data)))
        else:
            source = iter(self.data)
        for batch in source:
            yield standardized(keras.utils.unpack_x_y_sample_weight(batch))


def cut(order: np.ndarray, batch_size: int) -> tuple[Any, Any]:
    """Cuts rows into full batches and the rest.

    Args:
        order: Rows, `(samples,)` or `(trials, samples)`.
        batch_size: Integer >= 1.

    Returns:
        Tuple of an array `(batches, [trials,] batch_size)` and one
        `([trials,] samples left)`, or `None` where there are none.
    """
    order = np.asarray(order, "int32")
    count = order.shape[-1] // batch_size
    full = order[..., : count * batch_size]
    full = full.reshape(*order.shape[:-1], count, batch_size)
    if order.ndim > 1:
        full = np.moveaxis(full, -2, 0)
    rest = order[..., count * batch_size :]
    return full if count else None, rest if rest.shape[-1] else None


def standardized(tree: Any) -> Any:
    """Returns arrays as NumPy's, floats in Keras's default float type."""

    def convert(leaf: Any) -> Any:
        if leaf is None:
            return None
        if hasattr(leaf, "detach"):  # Torch
            leaf = leaf.detach().cpu()
        array = np.asarray(leaf)
        if array.dtype == np.float64:
            return array.astype(keras.config.floatx())
        return array.astype("int32") if array.dtype == np.int64 else array

    return keras.tree.map_structure(convert, tree)


def _is_indexed(data: Any) -> bool:
    return isinstance(data, keras.utils.PyDataset)


def _size(tree: Any) -> int:
    sizes = {len(a) for a in keras.tree.flatten(tree) if a is not None}
    if len(sizes) != 1:
        raise ValueError(
            "Expected `x`, `y` and `sample_weight` with equally many rows. "
            f"Received: arrays with {sorted(sizes)} rows"
        )
    return sizes.pop()


def _bytes(tree: Any) -> int:
    return sum(a.nbytes for a in keras.tree.flatten(tree) if a is not None)

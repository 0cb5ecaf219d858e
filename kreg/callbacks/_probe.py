"""A fixed sample of the training data, measured as validation data is."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from kreg._validation import check_count, check_whole, fail
from kreg.callbacks import _batches
from kreg.callbacks._own_steps import loss_of

# One batch of the forward pass over the probe: large enough to be quick, small
# enough for a network that trains on batches of this size to fit in memory.
_BATCH_SIZE = 256

_EXPECTED = (
    "a tuple (x, y) or (x, y, sample_weight) of arrays with equally many "
    "rows, or a dataset that yields such batches"
)


def make_probe(data: Any, size: Any, seed: Any) -> "Probe | None":
    """Returns a `Probe`, or `None` without data; checks all arguments."""
    size, seed = check_count(size, "probe_size"), check_whole(seed, "seed")
    return None if data is None else Probe(data, size, seed)


class Probe:
    """At most `size` training samples, chosen once.

    Args:
        data: Tuple `(x, y)` or `(x, y, sample_weight)` of arrays (or of nested
            structures of arrays), of which `size` rows are drawn; or an
            iterable of such batches, of which the first `size` are taken.
        size: Integer >= 1.
        seed: Integer. Seed of the choice.

    Raises:
        ValueError: If `data` is neither.
    """

    def __init__(self, data: Any, size: int, seed: int):
        if _batches.is_arrays(data):
            _check_arrays(data)
            batches: Iterable[Any] = _batches.cut(
                keras.tree.map_structure(_as_in_fit, _draw(data, size, seed)),
                _BATCH_SIZE,
            )
        elif _batches.is_dataset(data):
            batches = _first(data, size)
        else:
            fail("train_data", _EXPECTED, data)
        unpack = keras.utils.unpack_x_y_sample_weight
        self.batches = [unpack(batch) for batch in batches]

    def inputs(self) -> list[tuple[Any, int]]:
        """Returns `(x, number of samples)` for each batch."""
        return [(x, _batches.sample_count(x)) for x, _, _ in self.batches]

    def loss(self, model: Any) -> float:
        """Returns the loss as `evaluate` measures it, penalties included."""
        total = 0.0
        for batch in self.batches:
            size = _batches.sample_count(batch[0])
            total += loss_of(model, batch) * size
        return total / sum(size for _, size in self.inputs())

    def check_fits(self, model: Any) -> None:
        """Raises `ValueError` unless the inputs of `model` take the data."""
        if getattr(model, "inputs", None) is None:
            return  # not built yet, or subclassed: nothing is known before
        expected = [tuple(i.shape) for i in keras.tree.flatten(model.inputs)]
        x = self.batches[0][0]
        received = [tuple(a.shape) for a in keras.tree.flatten(x)]
        fits = len(expected) == len(received) and all(
            _fits(e, r) for e, r in zip(expected, received, strict=True)
        )
        if not fits:
            raise ValueError(
                "Invalid value for argument `train_data`. Expected inputs "
                f"of the shapes {expected}, as the model has. Received: "
                f"shapes {[(None, *shape[1:]) for shape in received]}"
            )


def _check_arrays(data: Any) -> None:
    if not (isinstance(data, tuple) and len(data) in (2, 3)):
        fail("train_data", _EXPECTED, data)
    rows = {len(a) for a in keras.tree.flatten(data) if a is not None}
    if len(rows) != 1 or 0 in rows:
        raise ValueError(
            f"Invalid value for argument `train_data`. Expected {_EXPECTED}. "
            f"Received: arrays with {sorted(rows)} rows"
        )


def _as_in_fit(array: Any) -> Any:
    """Returns an array of the dtype that `fit` gives it, and not `evaluate`."""
    if isinstance(array, np.ndarray) and array.dtype == np.float64:
        return array.astype(keras.config.floatx())
    return array


def _draw(data: Any, size: int, seed: int) -> Any:
    count = _batches.sample_count(data)
    random = np.random.default_rng(seed)
    chosen = random.choice(count, min(size, count), replace=False)
    return _batches.take(data, np.sort(chosen))


def _first(batches: Any, size: int) -> list[Any]:
    taken: list[Any] = []
    left = size
    for batch in batches:
        taken.append(_batches.take(batch, slice(0, left)))
        left -= _batches.sample_count(taken[-1])
        if left <= 0:
            break
    if not taken:
        fail("train_data", _EXPECTED, batches)
    return taken


def _fits(expected: tuple[Any, ...], received: tuple[int, ...]) -> bool:
    # Keras itself adds or drops a last axis of size 1.
    if expected[-1:] == (1,) and len(expected) == len(received) + 1:
        expected = expected[:-1]
    elif received[-1:] == (1,) and len(received) == len(expected) + 1:
        received = received[:-1]
    return len(expected) == len(received) and all(
        e is None or e == r
        for e, r in zip(expected[1:], received[1:], strict=True)
    )

"""`Feed`: which samples each epoch of a population trains and validates on."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from kreg._validation import check_count, fail
from kreg.callbacks import _batches
from kreg.population._data import Arrays, Batches, standardized
from kreg.population._fit_checks import check_arrays
from kreg.population._weighting import weighted

_VALIDATION_BATCH = 1024


class Feed:
    """Training and validation data, from the arguments of `fit`.

    Args:
        seed: Integer. Seed of the order of the samples.
        trials: Integer. Number of trials.
        arguments: Dict of the arguments of `Population.fit`.
    """

    def __init__(self, seed: int, trials: int, arguments: dict[str, Any]):
        self.seed = seed
        self.shuffle = arguments["shuffle"]
        self.splits: list[tuple[np.ndarray, np.ndarray]] | None = None
        self.validation: Any = _validation(arguments)
        x, y = arguments["x"], arguments["y"]
        if y is None and not _batches.is_arrays(x):
            self.training: Any = _batches_of(arguments)
            return
        check_arrays(arguments)
        _refuse_nothing(x)
        size = arguments["batch_size"]
        tree = standardized((x, y, arguments["sample_weight"]))
        share = arguments["validation_split"]
        if arguments["splits"] is not None:
            self._split(arguments, trials, _batches.sample_count(tree))
            self.validation = _arrays(tree, _validation_size(arguments))
        elif share and self.validation is None:
            tree, held_out = _divided(tree, share)
            self.validation = _arrays(held_out, _validation_size(arguments))
        # As in Keras, classes have weights in training alone.
        self.training = _arrays(weighted(tree, arguments["class_weight"]), size)

    @property
    def has_own_data(self) -> bool:
        """Whether each trial has samples of its own."""
        return self.splits is not None

    def train(
        self, engine: Any, epoch: int, trials: Sequence[int]
    ) -> Iterator[Any]:
        """Yields the pieces of a training epoch, as engines take them."""
        if self.training.size is None:
            yield from self.training.pieces(engine)
            return
        count = self.training.size
        if self.splits is not None:
            count = len(self.splits[0][0])
        order = np.arange(count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(count)
        if self.splits is not None:
            rows = [self.splits[t][0][order] for t in trials]
            order = _padded(rows, engine.size)
        yield from self.training.pieces(engine, order)

    def validate(self, engine: Any, trials: Sequence[int]) -> Iterator[Any]:
        """Yields the pieces of a validation, as engines take them."""
        if self.validation.size is None:
            yield from self.validation.pieces(engine)
            return
        order = np.arange(self.validation.size)
        if self.splits is not None:
            order = _padded([self.splits[t][1] for t in trials], engine.size)
        yield from self.validation.pieces(engine, order)

    def _split(
        self, arguments: dict[str, Any], trials: int, samples: int
    ) -> None:
        splits = arguments["splits"]
        if self.validation is not None or arguments["validation_split"]:
            fail("splits", "`None` beside validation data", splits)
        self.splits = [
            (np.asarray(train), np.asarray(val)) for train, val in splits
        ]
        lengths = {(len(train), len(val)) for train, val in self.splits}
        if len(self.splits) != trials or len(lengths) != 1:
            fail(
                "splits",
                f"{trials} pairs of row numbers, all of the same lengths",
                [(len(a), len(b)) for a, b in self.splits],
            )
        rows = np.concatenate([np.concatenate(split) for split in self.splits])
        if not np.all((rows >= 0) & (rows < samples)):
            fail("splits", f"row numbers in [0, {samples})", splits)


def folds(
    samples: int, k: int, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cuts samples into `k` folds for cross-validation.

    Fold `f` validates on its `samples // k` rows and trains on all others.
    The `samples % k` rows that are left over are always trained on, so that
    all folds are of one size.

    Args:
        samples: Integer. Number of samples.
        k: Integer >= 2. Number of folds.
        seed: Integer. Seed of the shuffling before. Defaults to `0`.

    Returns:
        List of `k` tuples of arrays of row numbers: training, validation.

    Raises:
        ValueError: If `k` is not in [2, samples].

    Example:

    >>> train, validation = kreg.population.folds(samples=5, k=2)[0]
    >>> len(train), len(validation)
    (3, 2)
    """
    check_count(samples, "samples")
    if isinstance(k, bool) or not isinstance(k, int) or not 2 <= k <= samples:
        fail("folds", f"an integer in [2, {samples}], the number of samples", k)
    order = np.random.default_rng(seed).permutation(samples)
    size = samples // k
    parts = [order[i * size : (i + 1) * size] for i in range(k)]
    left = order[k * size :]
    return [
        (np.concatenate([*parts[:f], *parts[f + 1 :], left]), parts[f])
        for f in range(k)
    ]


def _arrays(tree: Any, batch_size: int) -> Arrays:
    x, y, sample_weight = tree
    return Arrays(x, y, sample_weight, batch_size)


def _batches_of(arguments: dict[str, Any]) -> Batches:
    for name in ("sample_weight", "class_weight", "splits"):
        if arguments[name] is not None:
            fail(name, "`None` where `x` is not arrays", arguments[name])
    if arguments["validation_split"]:
        fail(
            "validation_split",
            "0 where `x` is not arrays",
            arguments["validation_split"],
        )
    return Batches(arguments["x"], arguments["steps_per_epoch"], "x")


def _validation(arguments: dict[str, Any]) -> Any:
    data = arguments["validation_data"]
    if data is None:
        return None
    if isinstance(data, (tuple, list)):
        if arguments["validation_steps"] is not None:
            fail(
                "validation_steps",
                "`None` where `validation_data` is arrays",
                arguments["validation_steps"],
            )
        x, y, weights = keras.utils.unpack_x_y_sample_weight(tuple(data))
        return Arrays(x, y, weights, _validation_size(arguments))
    return Batches(data, arguments["validation_steps"], "validation_data")


def _validation_size(arguments: dict[str, Any]) -> int:
    return int(arguments["validation_batch_size"] or _VALIDATION_BATCH)


def _divided(tree: Any, share: float) -> tuple[Any, Any]:
    count = _batches.sample_count(tree)
    if not 0 < share < 1 or not 0 < int(count * (1 - share)) < count:
        fail("validation_split", "a float in (0, 1)", share)
    begin = int(count * (1 - share))
    return (
        _batches.take(tree, slice(0, begin)),
        _batches.take(tree, slice(begin, None)),
    )


def _padded(rows: list[np.ndarray], size: int) -> np.ndarray:
    index = np.minimum(np.arange(size), len(rows) - 1)
    return np.stack(rows)[index]


def _refuse_nothing(x: Any) -> None:
    if x is None or _batches.sample_count(x) == 0:
        fail("x", "arrays with at least one row, or a dataset", x)

"""`Rows`: the whole state of some trials, on the host."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_LISTS = ("weights", "state", "seeds", "optimizer")


@dataclasses.dataclass
class Rows:
    """Stacked arrays, the trials along the first axis of each.

    Attributes:
        weights: The trainable variables.
        state: The other variables: strengths, steps, moving averages.
        seeds: States of the random generators.
        optimizer: The optimizer's variables, in its own order.
    """

    weights: list[np.ndarray]
    state: list[np.ndarray]
    seeds: list[np.ndarray]
    optimizer: list[np.ndarray]

    @property
    def size(self) -> int:
        """Number of trials."""
        return len(self.optimizer[0])

    @property
    def first_seeds(self) -> list[np.ndarray]:
        """The seeds of the first trial."""
        return [seed[0] for seed in self.seeds]

    @property
    def seeds_are_shared(self) -> bool:
        """Whether the random generators of all trials are in one state."""
        return all(np.all(seed == seed[:1]) for seed in self.seeds)

    def take(self, index: Sequence[int] | np.ndarray | slice) -> "Rows":
        """Returns the rows of some trials; of a slice, without a copy."""
        return Rows(
            **{k: [_taken(a, index) for a in v] for k, v in self.lists()}
        )

    def copied(self) -> "Rows":
        """Returns a copy, to be written to."""
        return Rows(**{k: [a.copy() for a in v] for k, v in self.lists()})

    def repeated(self, size: int) -> "Rows":
        """Returns the first row so many times, in the memory of one.

        It is not to be written to.
        """
        return Rows(
            **{
                k: [np.broadcast_to(a[:1], (size, *a.shape[1:])) for a in v]
                for k, v in self.lists()
            }
        )

    def put(self, index: int | Sequence[int], rows: "Rows") -> None:
        """Overwrites the rows of some trials."""
        for (_, mine), (_, theirs) in zip(
            self.lists(), rows.lists(), strict=True
        ):
            for target, source in zip(mine, theirs, strict=True):
                target[index] = source

    def lists(self) -> list[tuple[str, list[np.ndarray]]]:
        """Returns the names and the lists of arrays."""
        return [(name, getattr(self, name)) for name in _LISTS]


def stacked(rows: Sequence[Rows]) -> Rows:
    """Returns the rows of several `Rows`, one after the other."""
    return Rows(
        **{
            name: [
                np.concatenate(arrays)
                for arrays in zip(
                    *(getattr(r, name) for r in rows), strict=True
                )
            ]
            for name in _LISTS
        }
    )


def gathered(rows: Iterable[Rows], size: int) -> Rows:
    """Returns single rows one after the other, each taken as it comes.

    What is the same in all of them, as weights of one seed and moments before
    the first step are, takes the memory of one. It is not to be written to.

    Args:
        rows: The rows.
        size: Integer >= 1. How many they are.
    """
    others = iter(rows)
    held = next(others).repeated(size)
    for index, row in enumerate(others, 1):
        for (_, mine), (_, theirs) in zip(
            held.lists(), row.lists(), strict=True
        ):
            mine[:] = [
                _with_row(whole, index, own)
                for whole, own in zip(mine, theirs, strict=True)
            ]
    return held


def _taken(array: np.ndarray, index: Any) -> np.ndarray:
    if array.strides[0] == 0 and not isinstance(index, slice):
        # What is the same for all stays in the memory of one.
        return np.broadcast_to(array[:1], (len(index), *array.shape[1:]))
    return array[index]


def _with_row(whole: np.ndarray, index: int, row: np.ndarray) -> np.ndarray:
    """Returns an array with one more row, where those before it are right."""
    if not whole.flags.writeable:
        if _same_bytes(whole[:1], row):
            return whole
        whole = whole.copy()
    whole[index] = row[0]
    return whole


def _same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Tells whether arrays are equal to the last bit: -0.0 is not 0.0."""
    if a.__array_interface__["data"] == b.__array_interface__["data"]:
        return True
    a, b = (np.ascontiguousarray(v).reshape(-1).view(np.uint8) for v in (a, b))
    return np.array_equal(a, b)

"""`Rows`: the whole state of some trials, on the host."""

import dataclasses
from collections.abc import Sequence

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
        return Rows(**{k: [a[index] for a in v] for k, v in self.lists()})

    def copied(self) -> "Rows":
        """Returns a copy, to be written to."""
        return Rows(**{k: [a.copy() for a in v] for k, v in self.lists()})

    def room_for(self, size: int) -> "Rows":
        """Returns as many rows of such shapes, of no values yet."""
        return Rows(
            **{
                k: [np.empty((size, *a.shape[1:]), a.dtype) for a in v]
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

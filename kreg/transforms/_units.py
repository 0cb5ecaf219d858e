"""`Units`: which channels of which tensors live and die together."""

import numpy as np

from kreg.transforms._graph import Tensor


class Units:
    """Names the unit that each channel of each tensor belongs to.

    A channel is an index along a tensor's last axis. A Dense layer or a
    convolution makes new units; an activation, a pooling or a normalization
    hands on those it takes; `Add` makes one unit of two. A unit can be
    removed only everywhere at once.

    Attributes:
        of: Integer array for each tensor: the unit of each channel.
    """

    def __init__(self) -> None:
        self.of: dict[Tensor, np.ndarray] = {}
        self._parents: list[int] = []
        self._pinned: list[int] = []

    def new(self, count: int) -> np.ndarray:
        """Returns `count` new units."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def join(self, some: np.ndarray, others: np.ndarray) -> None:
        """Makes one unit of each pair."""
        for one, other in zip(some, others, strict=True):
            self._parents[self._root(int(one))] = self._root(int(other))

    def pin(self, units: np.ndarray) -> None:
        """Says that these units must never be removed."""
        self._pinned.extend(int(unit) for unit in units)

    def roots(self, tensor: Tensor) -> np.ndarray:
        """Returns the units of a tensor's channels; joined ones are equal."""
        return np.array([self._root(int(u)) for u in self.of[tensor]], int)

    def none(self) -> np.ndarray:
        """Returns a boolean array with an entry for each unit, all false."""
        return np.zeros(len(self._parents), bool)

    def pinned(self) -> np.ndarray:
        """Returns which units are pinned."""
        mask = self.none()
        mask[[self._root(unit) for unit in self._pinned]] = True
        return mask

    def _root(self, unit: int) -> int:
        while self._parents[unit] != unit:
            self._parents[unit] = self._parents[self._parents[unit]]
            unit = self._parents[unit]
        return unit

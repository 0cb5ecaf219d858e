"""`Lineage`: who descends from whom in a population, with which values."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kreg import schedules
from kreg.callbacks import StrengthScheduler
from kreg.population._initial import LEARNING_RATE


@dataclasses.dataclass(frozen=True)
class Generation:
    """What a population was after it was selected, and how it came to that.

    Attributes:
        epoch: Integer. The first epoch that was trained with these values.
        parents: Integer array. For each trial, the trial of the generation
            before whose weights it took over: often itself.
        scores: Float array. The objective of each trial before the selection;
            NaN in the first generation.
        values: Dict of path to the value of each trial from `epoch` on.
    """

    epoch: int
    parents: np.ndarray
    scores: np.ndarray
    values: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Course:
    """The course of one Strength, or of the learning rate, over the epochs.

    In an epoch it is `value * schedule(epoch)`.

    Attributes:
        value: Float. The largest value it took.
        schedule: `kreg.schedules.Piecewise` of the epoch.
    """

    value: float
    schedule: schedules.Piecewise

    def callback(self, path: str) -> Any:
        """Returns a callback that takes `path` through this course."""
        if path != LEARNING_RATE:
            return StrengthScheduler(path, self.schedule, self.value)

        def rate(epoch: int) -> float:
            return self.value * float(self.schedule(epoch))

        return keras.callbacks.LearningRateScheduler(rate)


class Lineage(list[Generation]):
    """The generations of a population, the first at the beginning."""

    def ancestors(self, trial: int) -> list[int]:
        """Returns whose values and weights led to a trial of the last one.

        Args:
            trial: Integer. A trial of the last generation.

        Returns:
            The trial it descends from, in each generation.
        """
        line = [trial]
        for generation in reversed(self[1:]):
            line.append(int(generation.parents[line[-1]]))
        return line[::-1]

    def courses(self, trial: int) -> dict[str, Course]:
        """Returns how each value went, along the ancestors of a trial."""
        line = self.ancestors(trial)
        return {path: self._course(path, line) for path in self[0].values}

    def _course(self, path: str, line: list[int]) -> Course:
        stages = list(_changes(self, path, line))
        peak = max(value for _, value in stages)
        scale = peak or 1.0
        return Course(
            peak,
            schedules.Piecewise(
                # A piece of `Piecewise` ends after the step that it names.
                [float(epoch - 1) for epoch, _ in stages[1:]],
                [value / scale for _, value in stages],
            ),
        )


def _changes(
    generations: list[Generation], path: str, line: list[int]
) -> Iterator[tuple[int, float]]:
    """Yields the epochs in which a value changed, and to what."""
    last = None
    for generation, member in zip(generations, line, strict=True):
        value = float(generation.values[path][member])
        if value != last:
            yield generation.epoch, value
        last = value

"""`Stack`: which trial is which row of the engine, and which have stopped."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kreg.population._options import Options
from kreg.population._programs import Programs, padded
from kreg.population._rows import Rows, stacked
from kreg.population._template import Template

Arrays = tuple[list[np.ndarray], list[np.ndarray]]


class Stack:
    """The rows of all trials: those in training, and those that stopped.

    A trial that stops is copied out as it is; its row of the engine goes on
    without anybody looking, until half the rows are like that and the rest
    move to a smaller engine.

    Args:
        programs: `Programs`.
        template: `Template`.
        rows: `Rows` of all trials.
        options: `Options`.

    Attributes:
        survivors: List of the trials that had not stopped at the end.
    """

    def __init__(
        self,
        programs: Programs,
        template: Template,
        rows: Rows,
        options: Options,
    ):
        self._programs = programs
        self._template = template
        self._options = options
        self.active = np.arange(rows.size)
        self._stopped: dict[int, Rows] = {}
        self._best: dict[int, Any] = {}
        self.has_best = False
        self.survivors: list[int] = []
        self.engine = programs.engine(template, rows, options)
        self._host: Rows | None = None
        self._host_is_own = False

    def read(self) -> Rows:
        """Returns the rows of the trials in training, in their order."""
        if self._host is None:
            self._host = self.engine.read().take(slice(len(self.active)))
            self._host_is_own = False
        return self._host

    def write(self, rows: Rows) -> None:
        """Sets the rows of the trials in training."""
        self.engine.write(padded(rows, self.engine.size))
        self._host, self._host_is_own = rows, False

    def let_go(self) -> None:
        """Lets go of what was read: the engine is about to move on.

        It is a view of the engine's memory, which it could not reuse.
        """
        self._host = None

    def row_of(self, trial: int) -> Rows:
        """Returns the row of one trial, in training or stopped."""
        if trial in self._stopped:
            return self._stopped[trial]
        return self.read().take([self._index(trial)])

    def all_rows(self) -> Rows:
        """Returns the rows of all trials, in training or stopped."""
        if not self._stopped:
            return self.read()  # nothing to put together
        count = len(self._stopped) + len(self.running)
        return stacked([self.row_of(trial) for trial in range(count)])

    def set_row(self, trial: int, row: Rows) -> None:
        """Sets the row of one trial; see `flush`."""
        if trial in self._stopped:
            self._stopped[trial] = row
        else:
            if not self._host_is_own:
                self._host, self._host_is_own = self.read().copied(), True
            self.read().put([self._index(trial)], row)

    def flush(self) -> None:
        """Sends to the engine what `set_row` changed."""
        self.write(self.read())

    def keep_best(self, improved: np.ndarray) -> None:
        """Keeps the present weights of the trials that improved.

        Args:
            improved: Booleans, one for each trial in training.
        """
        mask = np.zeros(self.engine.size, bool)
        mask[: len(improved)] = improved
        self.engine.keep(mask)
        self.has_best = True

    def best_of(self, trials: Sequence[int]) -> Arrays:
        """Returns the weights and the state that were kept, stacked."""
        index = [self._index(t) for t in trials if t not in self._best]
        weights, state = self.engine.kept() if index else ([], [])
        if index == list(range(len(trials))):  # no need for a copy
            first = slice(len(trials))
            return [a[first] for a in weights], [a[first] for a in state]
        if len(index) == len(trials):
            return [a[index] for a in weights], [a[index] for a in state]
        fresh = iter(index)
        chosen = []
        for trial in trials:
            if trial in self._best:
                chosen.append(self._best[trial])
            else:
                row = next(fresh)
                chosen.append(
                    ([a[row] for a in weights], [a[row] for a in state])
                )
        stacked_weights, stacked_state = zip(*chosen, strict=True)
        return (
            [np.stack(arrays) for arrays in zip(*stacked_weights, strict=True)],
            [np.stack(arrays) for arrays in zip(*stacked_state, strict=True)],
        )

    def restore_best(self, best: Arrays) -> None:
        """Sets what was kept of the trials in training, in their order."""
        index = np.minimum(np.arange(self.engine.size), len(self.active) - 1)
        weights, state = best
        self.engine.restore_kept(
            [a[index] for a in weights], [a[index] for a in state]
        )
        self.has_best = True

    def stop(self, trials: list[int]) -> None:
        """Takes trials out of training, as they are now."""
        if not trials:
            return
        self._copy_out(trials)
        left = self.running
        if left and len(left) * 2 <= len(self.active):
            self._move(left)

    def finish(self) -> None:
        """Takes all that is left out of the engine, which may be reused."""
        self.survivors = self.running
        if self._stopped:
            self._copy_out(self.running)
        else:
            self.read()  # stays as it is, whatever becomes of the engine

    @property
    def running(self) -> list[int]:
        """The trials that have not stopped."""
        return [int(t) for t in self.active if t not in self._stopped]

    def _copy_out(self, trials: list[int]) -> None:
        if self.has_best and trials:
            weights, state = self.engine.kept()
            for trial in trials:
                row = self._index(trial)
                self._best[trial] = (
                    [a[row].copy() for a in weights],
                    [a[row].copy() for a in state],
                )
        rows = self.read()
        for trial in trials:
            self._stopped[trial] = rows.take([self._index(trial)])

    def _move(self, left: list[int]) -> None:
        rows = self.read().take([self._index(trial) for trial in left])
        best = self.best_of(left) if self.has_best else None
        self.engine = self._programs.engine(self._template, rows, self._options)
        self.active = np.array(left)
        self._host = rows
        if best is not None:
            self.restore_best(best)

    def _index(self, trial: int) -> int:
        return int(np.flatnonzero(self.active == trial)[0])

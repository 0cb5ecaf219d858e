"""One line that tells how far a search is."""

import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from kreg.tuners._runs import Logs

# Where a line cannot be written over, as in a file: a new one this often.
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_UPDATES = 0.1

# The line of a traceback that says what went wrong.
_ERROR = re.compile(r"^[\w.]+(?:Error|Exception)\b.*$", re.MULTILINE)


class Progress:
    """Writes the line, over itself on a terminal.

    Args:
        oracle: The oracle of the search.
        is_quiet: Boolean: write nothing.
    """

    def __init__(self, oracle: Any, is_quiet: bool):
        self._oracle = oracle
        self._is_quiet = is_quiet
        self._began = time.monotonic()
        self._done_before = len(oracle.end_order)
        self._written = 0.0
        self._width = 0
        self._running = 0
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Writes a line of its own, once."""
        if not self._is_quiet and text not in self._said:
            self._said.add(text)
            self._clear()
            print(text)

    def on_wave(self, running: int) -> None:
        """Notes how many trials run now."""
        self._running = running

    def on_epoch_end(self, epoch: int, logs: Sequence[Logs]) -> None:
        """Writes the line, if it is time."""
        self._write(f"epoch {epoch + 1}")

    def on_trials_end(self, trials: Sequence[Any]) -> None:
        """Writes the line for trials that ended, and why some failed."""
        for trial in trials:
            if trial.status in ("FAILED", "INVALID") and trial.message:
                errors = _ERROR.findall(trial.message) or [trial.message]
                self.say(f"A trial failed: {errors[-1]}")
        self._running -= len(trials)
        self._write("")

    def close(self) -> None:
        """Ends the line."""
        if not self._is_quiet:
            self._running = 0
            self._written = 0.0
            self._write("")
            if sys.stdout.isatty():
                print()

    def _write(self, epoch: str) -> None:
        is_terminal = sys.stdout.isatty()
        wait = (
            _SECONDS_BETWEEN_UPDATES if is_terminal else _SECONDS_BETWEEN_LINES
        )
        now = time.monotonic()
        if self._is_quiet or now - self._written < wait:
            return
        self._written = now
        line = "; ".join(filter(None, self._parts(epoch, now)))
        if not is_terminal:
            print(line, flush=True)
            return
        self._clear()
        print(line, end="", flush=True)
        self._width = len(line)

    def _parts(self, epoch: str, now: float) -> list[str]:
        oracle = self._oracle
        done = len(oracle.end_order)
        total = oracle.max_trials
        of_all = f" of {total}" if total else ""
        failed = [t for t in oracle.trials.values() if t.status == "FAILED"]
        of_done = f" ({len(failed)} failed)" if failed else ""
        return [
            f"{done}{of_all} trials done{of_done}, {self._running} running",
            epoch,
            self._best(),
            self._left(done, total, now),
        ]

    def _best(self) -> str:
        best = self._oracle.get_best_trials(1)
        if not best or best[0].score is None or best[0].status != "COMPLETED":
            return ""
        values = ", ".join(
            f"{name}={_short(value)}"
            for name, value in best[0].hyperparameters.values.items()
            if not name.startswith("tuner/")
        )
        name = self._oracle.objective.name
        return f"best {name} {best[0].score:.4g} with {values}"

    def _left(self, done: int, total: int | None, now: float) -> str:
        new = done - self._done_before
        if not total or not new or done >= total:
            return ""
        seconds = (now - self._began) / new * (total - done)
        return f"about {_duration(seconds)} left"

    def _clear(self) -> None:
        if self._width:
            print("\r" + " " * self._width, end="\r")
            self._width = 0


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

"""`Fitting`: the loop over the epochs of a population."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kreg._validation import fail
from kreg.population._callbacks import TrialCallbacks
from kreg.population._feeding import Feed
from kreg.population._stack import Stack

EpochHook = Callable[[int, dict[int, dict[str, float]]], None]


class Fitting:
    """Trains the trials of one population through the epochs of one `fit`.

    Args:
        stack: `Stack` of the trials.
        feed: `Feed`.
        callbacks: `TrialCallbacks`.
        logs: The logs of each epoch, for each trial; added to.
        failures: Dict of trial to why it stopped, added to.
    """

    def __init__(
        self,
        stack: Stack,
        feed: Feed,
        callbacks: TrialCallbacks,
        logs: list[list[dict[str, float]]],
        failures: dict[int, str],
    ):
        self.stack = stack
        self.feed = feed
        self.callbacks = callbacks
        self.logs = logs
        self.failures = failures
        self._stopped: list[int] = []
        self.best: dict[int, float] = {}
        self.best_epochs: dict[int, int] = {}

    def run(
        self,
        epochs: range,
        validation_freq: int | Sequence[int],
        keep_best: tuple[str, str] | None,
        verbose: int,
        on_epoch_end: EpochHook | None = None,
    ) -> None:
        """Trains through the epochs, or until all trials have stopped.

        Args:
            epochs: Range of the numbers of the epochs.
            validation_freq: Integer: validates every so many epochs; or a
                list of the epochs, counted from 1.
            keep_best: Name and mode of the log that says which epoch of a
                trial is its best, or `None`.
            verbose: 0, or 1 for a line an epoch.
            on_epoch_end: Called with the number of each epoch and the logs
                of the trials that were trained in it.
        """
        self._call("on_train_begin", None)
        self.callbacks.flush()
        for number in epochs:
            begin = time.monotonic()
            has_data = self.feed.validation is not None
            validate = has_data and _is_one_of(number + 1, validation_freq)
            logs = self.epoch(number, validate)
            is_due = validate or not has_data
            if keep_best is not None and (
                is_due or not keep_best[0].startswith("val_")
            ):
                self.keep_best(number, logs, *keep_best)
            if verbose:
                print(line(number, epochs.stop, logs, begin))
            self.stack.stop(self._stopped)
            if on_epoch_end is not None:
                on_epoch_end(number, logs)
            if not self.stack.running:
                break
        self.stack.finish()
        for trial in range(len(self.logs)):
            self.callbacks.call("on_train_end", trial, None)

    def epoch(self, number: int, validate: bool) -> dict[int, dict[str, float]]:
        """Trains one epoch; returns the logs of each trial in training."""
        trials = self.stack.running
        self._call("on_epoch_begin", number, None)
        self.callbacks.flush()
        members = [int(t) for t in self.stack.active]
        engine = self.stack.engine
        engine.reset_metrics()
        self.stack.let_go()
        for piece in self.feed.train(engine, number, members):
            engine.train(*piece)
        columns = engine.results()
        if validate:
            columns = {**columns, **self._validated(members)}
        logs = {
            trial: {
                key: _plain(values[index]) for key, values in columns.items()
            }
            for index, trial in enumerate(members)
            if trial in trials
        }
        self._end_epoch(number, logs)
        return logs

    def _validated(self, members: list[int]) -> dict[str, np.ndarray]:
        engine = self.stack.engine
        engine.reset_metrics()
        self._call("on_test_begin", None)
        for piece in self.feed.validate(engine, members):
            engine.test(*piece)
        self._call("on_test_end", None)
        results = engine.results()
        del results["penalty"]
        return {f"val_{key}": value for key, value in results.items()}

    def _end_epoch(
        self, number: int, logs: dict[int, dict[str, float]]
    ) -> None:
        stopped = []
        for trial, own in logs.items():
            self.callbacks.call("on_epoch_end", trial, number, own)
            self.logs[trial].append(own)
            if not math.isfinite(own["loss"]):
                self.failures[trial] = (
                    f"The loss was {own['loss']} after epoch {number}."
                )
                stopped.append(trial)
            elif self.callbacks.stopped(trial):
                stopped.append(trial)
        self.callbacks.flush()
        self._stopped = stopped

    def keep_best(
        self,
        number: int,
        logs: dict[int, dict[str, float]],
        monitor: str,
        mode: str,
    ) -> None:
        """Keeps the weights of the trials that are better than ever."""
        sign = 1.0 if mode == "min" else -1.0
        improved = np.zeros(len(self.stack.active), bool)
        for index, trial in enumerate(self.stack.active):
            own = logs.get(int(trial))
            if own is None or trial not in self.stack.running:
                continue
            if monitor not in own:
                fail(
                    "keep_best",
                    f"one of the logs {sorted(own)}",
                    monitor,
                )
            value = sign * own[monitor]
            if math.isnan(value):
                value = math.inf
            is_first = int(trial) not in self.best
            if is_first or value < self.best[int(trial)]:
                improved[index] = True
                self.best[int(trial)] = value
                self.best_epochs[int(trial)] = number
        if improved.any():
            self.stack.keep_best(improved)

    def _call(self, hook: str, *arguments: Any) -> None:
        if self.callbacks:
            for trial in self.stack.running:
                self.callbacks.call(hook, trial, *arguments)


def _is_one_of(epoch: int, validation_freq: int | Sequence[int]) -> bool:
    """Tells whether an epoch, counted from 1, is validated."""
    if isinstance(validation_freq, Sequence):
        return epoch in validation_freq
    return epoch % validation_freq == 0


def _plain(value: np.ndarray) -> Any:
    """Returns a float; or, as of an `F1Score` of several classes, a list."""
    return float(np.squeeze(value)) if value.size == 1 else value.tolist()


def history_of(logs: list[dict[str, float]]) -> dict[str, list[float]]:
    """Returns a list for each key, of the epochs that have it."""
    keys = dict.fromkeys(key for of_epoch in logs for key in of_epoch)
    return {key: [own[key] for own in logs if key in own] for key in keys}


def line(
    number: int, epochs: int, logs: dict[int, dict[str, float]], begin: float
) -> str:
    """Returns one line on an epoch: the best and the median of the trials."""
    key = "val_data_loss"
    values = [own.get(key, own["data_loss"]) for own in logs.values()]
    if not any(key in own for own in logs.values()):
        key = "data_loss"
    return (
        f"Epoch {number + 1}/{epochs} - {time.monotonic() - begin:.1f}s - "
        f"{len(logs)} trials - {key}: best {np.nanmin(values):.4f}, median "
        f"{np.nanmedian(values):.4f}"
    )

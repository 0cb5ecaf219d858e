"""Drives Strengths from a schedule, per epoch or per batch."""

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kreg import schedules
from kreg._strengths import match, strengths
from kreg._validation import check_strength, fail
from kreg.strength import Strength


class StrengthScheduler(keras.callbacks.Callback):
    """Sets Strengths of the model while it trains.

    The way to schedule a penalty given as `kernel_regularizer=`. At the
    beginning of each epoch (or batch) each Strength that `path` matches
    becomes

        value * schedule(index)               for a schedule
        schedule(index, current_value)        for any other callable

    with the index of the epoch, or of the optimizer's step, from 0 on. At the
    end of each epoch the values are added to `logs` under the paths, so that
    `History`, `CSVLogger` and TensorBoard show them if they stand after it.

    Per epoch costs nothing on every backend. Per batch makes JAX write its
    state back to the model before each batch, which is slow for large models;
    a `kreg.layers.ScheduledPenalty` or a layer's own `schedule` runs inside
    the compiled step instead.

    Args:
        path: String. A path in `kreg.strengths(model)`, or a glob such as
            `"*/l2"`.
        schedule: Schedule with values in [0, 1], or a callable
            `(index, current_value) -> value`.
        value: Optional float >= 0. What a schedule multiplies. Defaults to
            `None`: what each Strength is when `fit` begins (at a second `fit`,
            what it was, unless it was changed in between; weights of the best
            epoch that were restored are no change). Give it when training is
            resumed in a new process, since what a model file holds is the
            value as scheduled.
        frequency: `"epoch"` or `"batch"`. Defaults to `"epoch"`.
        verbose: `1` prints each change. Defaults to `0`.

    Raises:
        ValueError: If the schedule leaves [0, 1], `frequency` is another
            word, or, when `fit` begins, no path matches.

    Example:

    >>> scheduler = kreg.callbacks.StrengthScheduler(
    ...     "*/l2", kreg.schedules.Ramp(steps=10), value=1e-3
    ... )
    """

    def __init__(
        self,
        path: str,
        schedule: Any,
        value: float | None = None,
        frequency: str = "epoch",
        verbose: int = 0,
    ):
        super().__init__()
        if not isinstance(path, str):
            fail("path", "a path or glob as a string", path)
        if frequency not in ("epoch", "batch"):
            fail("frequency", '"epoch" or "batch"', frequency)
        if value is not None:
            check_strength(value, "value")
        self.path = path
        self.value = value
        self.frequency = frequency
        self.verbose = verbose
        self.schedule: Any = (
            schedule if _is_plain_callable(schedule) else _profile(schedule)
        )
        self._base: dict[str, float] = {}  # what a schedule multiplies
        self._set_to: dict[str, float] = {}  # by this callback, last
        self._held: dict[str, set[float]] = {}  # when an epoch ended

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the Strengths, and what the schedule is to multiply."""
        for path, strength in self._driven().items():
            if not self._is_own(path, strength):
                self._base[path] = strength.value
            strength.check(self._base_of(path))
        self._held = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets the Strengths for this epoch."""
        if self.frequency == "epoch":
            self._set(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the Strengths for this batch."""
        if self.frequency == "batch":
            self._set(int(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the values to `logs`."""
        values = {p: s.value for p, s in self._driven().items()}
        for path, value in values.items():
            self._held.setdefault(path, set()).add(value)
        if logs is not None:
            logs.update(values)

    def _driven(self) -> dict[str, Strength]:
        # Reading `self.model` first makes JAX hand its state back.
        return match(strengths(self.model), self.path)

    def _is_own(self, path: str, strength: Strength) -> bool:
        """Tells whether the last `fit` with this callback left the value."""
        last, value = self._set_to.get(path), strength.value
        if value == last:
            return True
        # The weights of its best epoch, given back, bring back the value then.
        # Nobody assigned that: who takes half of it on purpose does.
        held = {np.float32(held) for held in self._held.get(path, ())}
        return strength.last_assigned == last and np.float32(value) in held

    def _base_of(self, path: str) -> float:
        return self._base[path] if self.value is None else self.value

    def _set(self, index: int) -> None:
        targets = [
            (
                path,
                strength,
                strength.check(self._target(index, path, strength)),
            )
            for path, strength in self._driven().items()
        ]
        for path, strength, target in targets:
            strength.assign(target)
            self._set_to[path] = target
            if self.verbose:
                print(f"{self.frequency} {index}: {path} = {target:g}")

    def _target(self, index: int, path: str, strength: Strength) -> float:
        if isinstance(self.schedule, LearningRateSchedule):
            share = float(ops.convert_to_numpy(self.schedule(index)))
            return float(np.clip(share, 0.0, 1.0)) * self._base_of(path)
        return float(self.schedule(index, strength.value))


def _is_plain_callable(schedule: Any) -> bool:
    is_schedule = isinstance(schedule, LearningRateSchedule)
    return callable(schedule) and not is_schedule


def _profile(schedule: Any) -> Any:
    checked = schedules.get(schedule)
    if checked is None:
        fail("schedule", "a schedule or a callable", schedule)
    return checked

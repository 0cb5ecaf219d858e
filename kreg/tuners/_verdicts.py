"""Finds the verdict on each trial of a search."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from kreg.callbacks import OverfitMonitor
from kreg.diagnosis import Verdict

# What both the monitor and KerasTuner record of an epoch with validation.
_COMPARED = ("val_loss", "val_data_loss", "generalization_gap")


def verdicts(tuner: Any, monitor: Any) -> dict[str, tuple[Verdict, ...]]:
    """Returns the monitor's verdicts on the trials of a search.

    KerasTuner copies the callbacks of `search` for each execution and does
    not say which copy belongs to which trial. The copies are in
    `monitor.runs`, in the order of execution; a trial's are those, after the
    earlier trials', whose recorded losses give the metrics that the trial was
    scored with. So executions that failed or were retried are passed over.

    Args:
        tuner: Tuner of KerasTuner (or of kreg) that has searched in this
            process.
        monitor: The `kreg.callbacks.OverfitMonitor` that was among `search`'s
            callbacks.

    Returns:
        Dict of trial id to the verdicts on its executions, in the order in
        which the trials began. A trial that failed before it was scored, or
        ran in an earlier process, has an empty tuple.

    Raises:
        TypeError: If `monitor` is no `OverfitMonitor`.
        ValueError: If it was not among the callbacks of a search, or a trial
            was executed several times for an objective that the monitor does
            not record.

    Example:

    >>> import keras_tuner
    >>> def build_model(hp):
    ...     space = kreg.tuners.RegularizationSpace(hp)
    ...     model = keras.Sequential([
    ...         keras.layers.Dense(1, kernel_regularizer=space.l2("only")),
    ...     ])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x, y = np.random.rand(64, 4), np.random.rand(64, 1)
    >>> monitor = kreg.callbacks.OverfitMonitor()
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     tuner = keras_tuner.RandomSearch(
    ...         build_model,
    ...         keras_tuner.Objective("val_data_loss", "min"),
    ...         max_trials=2,
    ...         directory=directory,
    ...     )
    ...     tuner.search(
    ...         x, y, validation_split=0.5, callbacks=[monitor], verbose=0
    ...     )
    >>> found = kreg.tuners.verdicts(tuner, monitor)
    >>> [(trial, len(verdicts)) for trial, verdicts in found.items()]
    [('0', 1), ('1', 1)]
    """
    _check(monitor)
    found: dict[str, tuple[Verdict, ...]] = {}
    count = tuner.executions_per_trial
    objective = tuner.oracle.objective
    begin = 0
    for trial_id in tuner.oracle.start_order:
        scored = _scored(tuner.oracle.get_trial(trial_id))
        place = _find(scored, monitor.runs, begin, count, objective)
        if place is None:
            found[trial_id] = ()
            continue
        begin = place + count
        runs = monitor.runs[place:begin]
        found[trial_id] = tuple(run.verdict for run in runs)
    return found


def _check(monitor: Any) -> None:
    if not isinstance(monitor, OverfitMonitor):
        raise TypeError(
            "Invalid value for argument `monitor`. Expected a "
            f"kreg.callbacks.OverfitMonitor. Received: monitor={monitor!r} "
            f"(of type {type(monitor).__name__})"
        )
    if not monitor.runs:
        raise ValueError(
            "Invalid value for argument `monitor`. Expected the OverfitMonitor "
            "that was among the callbacks of `search`. Received: one that has "
            "watched no search"
        )


def _scored(trial: Any) -> dict[str, float]:
    """The metrics of the epoch that the trial was scored with."""
    scored = {}
    for name in _COMPARED:
        if not trial.metrics.exists(name):
            continue
        observations = trial.metrics.get_history(name)
        best = [o for o in observations if o.step == trial.best_step]
        scored[name] = (best or observations)[-1].value[-1]
    return scored


def _find(
    scored: dict[str, float], runs: Any, begin: int, count: int, objective: Any
) -> int | None:
    """The first place from `begin` on where `count` runs give the metrics."""
    if not scored:
        return None
    for place in range(begin, len(runs) - count + 1):
        executions = [_epochs(run) for run in runs[place : place + count]]
        if not all(executions):
            continue  # one ended before its first epoch did
        if count == 1:
            candidates = executions[0]
        else:
            best = [_best(epochs, objective) for epochs in executions]
            candidates = [_mean(best, scored)]
        if any(_equal(candidate, scored) for candidate in candidates):
            return place
    return None


def _epochs(run: Any) -> list[dict[str, float]]:
    """What the run recorded of each epoch, as KerasTuner saw it."""
    columns = run.history.items()
    return [
        {name: values[index] for name, values in columns}
        for index in range(len(run.history["epoch"]))
    ]


def _best(epochs: list[dict[str, float]], objective: Any) -> dict[str, float]:
    """The epoch that KerasTuner scores: the first of the best."""
    if not objective.has_value(epochs[0]):
        raise ValueError(
            "Trials that are executed several times are found by their "
            f"objective. Expected one of {sorted(epochs[0])}, which the "
            f"monitor records. Received: {objective.name!r}"
        )
    best = None
    for epoch in epochs:
        value = objective.get_value(epoch)
        if not math.isnan(value) and (
            best is None
            or objective.better_than(value, objective.get_value(best))
        ):
            best = epoch
    return epochs[0] if best is None else best


def _mean(
    epochs: list[dict[str, float]], names: Iterable[str]
) -> dict[str, float]:
    return {
        name: float(np.mean([epoch[name] for epoch in epochs]))
        for name in names
    }


def _equal(epoch: dict[str, float], scored: dict[str, float]) -> bool:
    # Exactly: KerasTuner was given these very numbers.
    return all(
        epoch[name] == value or (math.isnan(epoch[name]) and math.isnan(value))
        for name, value in scored.items()
    )

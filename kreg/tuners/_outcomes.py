"""From the logs of a run to what is reported of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np

from kreg.diagnosis import Verdict, diagnose
from kreg.tuners._runs import Logs, Outcome


def outcome_of(
    logs: Sequence[Logs],
    first_epoch: int,
    objective: Any,
    strengths: Mapping[str, float],
) -> Outcome:
    """Returns what came of a run that ended.

    Args:
        logs: The logs of every epoch.
        first_epoch: Integer: the number of the first of them.
        objective: `keras_tuner.Objective`.
        strengths: Dict of the strengths of the model.

    Returns:
        `Outcome`, of the first of the epochs with the best objective. Epochs
        whose objective is not finite are none of them.

    Raises:
        FatalValueError: If no epoch has the objective.
    """
    index = best_index(logs, objective)
    if index is None:
        keys = sorted(set().union(*logs))
        raise keras_tuner.errors.FatalValueError(
            "Invalid value for argument `objective`. Expected one of the keys "
            f"of the logs, {keys}. Received: objective={objective.name!r}"
        )
    best = dict(logs[index])
    if objective.name not in best:  # the sum of several
        best[objective.name] = objective.get_value(best)
    if not math.isfinite(best[objective.name]):
        best[objective.name] = math.nan
    history = history_of(logs)
    return Outcome(
        history=history,
        best_epoch=first_epoch + index,
        metrics=best,
        generalization_gap=_gap(best),
        verdict=_verdict(history, first_epoch, strengths),
        strengths=dict(strengths),
    )


def best_index(logs: Sequence[Logs], objective: Any) -> int | None:
    """Returns which of the logs is the best; `None` if none has a value."""
    best, best_value = None, math.nan
    for index, of_epoch in enumerate(logs):
        if not objective.has_value(of_epoch):
            continue
        value = float(objective.get_value(of_epoch))
        is_better = math.isfinite(value) and (
            math.isnan(best_value) or objective.better_than(value, best_value)
        )
        if is_better:
            best, best_value = index, value
        elif best is None:
            best = index
    return best


def numbers_of(logs: Mapping[str, Any]) -> dict[str, float]:
    """Returns logs of an epoch as floats.

    Of a metric that has several, the mean, which KerasTuner takes, too; NaN
    in place of what is no number.
    """
    return {key: _number(value) for key, value in logs.items()}


def _number(value: Any) -> float:
    try:
        return float(np.mean(np.asarray(value, float)))
    except (TypeError, ValueError):
        return math.nan


def history_of(logs: Sequence[Logs]) -> dict[str, list[float]]:
    """Returns a list for each key, NaN where an epoch has none."""
    keys = dict.fromkeys(key for of_epoch in logs for key in of_epoch)
    return {
        key: [of_epoch.get(key, math.nan) for of_epoch in logs] for key in keys
    }


def _gap(logs: Logs) -> float | None:
    if "generalization_gap" in logs:
        gap = logs["generalization_gap"]
    elif {"val_data_loss", "loss", "penalty"} <= logs.keys():
        gap = logs["val_data_loss"] - (logs["loss"] - logs["penalty"])
    else:
        return None
    return float(gap) if math.isfinite(gap) else None


def _verdict(
    history: Mapping[str, list[float]],
    first_epoch: int,
    strengths: Mapping[str, float],
) -> Verdict | None:
    val = history.get("val_data_loss", history.get("val_loss"))
    if val is None or "loss" not in history:
        return None
    penalty = history.get("penalty", [0.0] * len(val))
    train = [a - b for a, b in zip(history["loss"], penalty, strict=True)]
    return diagnose(
        train,
        val,
        epochs=list(range(first_epoch, first_epoch + len(val))),
        probe_loss=history.get("train_data_loss"),
        strengths=strengths,
    )

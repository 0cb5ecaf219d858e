"""Trials of a search: KerasTuner's folders, Optuna's exports."""

import os
from typing import Any

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._columns import from_columns, from_rows
from kreg.diagnosis._readers._limits import malformed

# Optuna's numbers, read as floats: what an entry of a journal does, and the
# direction of a study.
CREATES_STUDY, CREATES_TRIAL = 0.0, 4.0
MAXIMIZE = 2.0


def from_keras_tuner(document: dict, path: os.PathLike) -> list[History]:
    """Makes a `History` of a KerasTuner `trial.json`.

    KerasTuner keeps one observation a reported step, the mean over the
    executions of the trial; often that is the best epoch alone.

    Args:
        document: Dict, the parsed file.
        path: Where it is from, for the error.

    Returns:
        List of one `History`, named after the trial; empty if the trial has
        not reported anything yet.

    Raises:
        ValueError: If it holds no validation loss.
    """
    metrics = document["metrics"].get("metrics", document["metrics"])
    rows: dict[float, dict] = {}
    for name, metric in _items(metrics, path):
        observations = metric.get("observations") or []
        if not isinstance(observations, list):
            raise malformed(path, f"whose `{name}` has no observations")
        for observation in observations:
            step, value = _observation(observation, path)
            rows.setdefault(step, {"epoch": step})[name] = value
    ordered = [rows[step] for step in sorted(rows)]
    return [from_rows(ordered, path, document["trial_id"])] if rows else []


def from_optuna(trials: list[dict], path: os.PathLike) -> list[History]:
    """Makes a `History` of each Optuna trial that reported values.

    Optuna does not say what was reported; it is taken as a validation loss.

    Args:
        trials: List of dicts with `intermediate_values`.
        path: Where they are from, for the error.

    Returns:
        List of `History`, named by the trials' numbers.

    Raises:
        ValueError: If no trial reported anything.
    """
    histories = []
    for index, trial in enumerate(trials):
        values = trial.get("intermediate_values") or {}
        if isinstance(values, dict) and values:
            steps = sorted((_step(step, path), values[step]) for step in values)
            number = trial.get("number", index)
            histories.append(from_steps(steps, path, _label(number)))
    if not histories:
        raise malformed(path, "in which no trial has intermediate values")
    return histories


def from_journal(lines: list[dict], path: os.PathLike) -> list[History]:
    """Makes a `History` of each trial in an Optuna journal file.

    Args:
        lines: List of dicts, one a log entry.
        path: Where they are from, for the error.

    Returns:
        List of `History`, named by the trials' numbers.

    Raises:
        ValueError: If an entry is malformed, or what was reported is to be
            maximized, so that it is no loss.
    """
    trials: dict[str, dict] = {}
    skipped = _maximized(lines)
    for line in lines:
        if "intermediate_value" in line:
            label = _label(line.get("trial_id"))
            if label not in skipped:
                step = _step(line.get("step"), path)
                values = trials.setdefault(label, {})
                values[step] = line["intermediate_value"]
    if not trials:
        raise malformed(path, "whose studies maximize what trials reported")
    return [
        from_steps(sorted(trials[label].items()), path, label)
        for label in trials
    ]


def _maximized(lines):
    """Labels of the trials of studies that maximize.

    Studies and trials are numbered from 0 in the order of their entries.
    """
    created = {
        code: [line for line in lines if line.get("op_code") == code]
        for code in (CREATES_STUDY, CREATES_TRIAL)
    }
    studies = {
        str(number)
        for number, study in enumerate(created[CREATES_STUDY])
        if study.get("directions") == [MAXIMIZE]
    }
    return {
        str(number)
        for number, trial in enumerate(created[CREATES_TRIAL])
        if _label(trial.get("study_id")) in studies
    }


def from_steps(
    steps: list[tuple[float, Any]], path: os.PathLike, name: str
) -> History:
    """Makes a `History` of pairs of step and reported value, in order."""
    columns = {
        "epoch": [step for step, _ in steps],
        "val_loss": [value for _, value in steps],
    }
    return from_columns(columns, path, name)


def _items(metrics, path):
    if not isinstance(metrics, dict) or not all(
        isinstance(metric, dict) for metric in metrics.values()
    ):
        raise malformed(path, "whose metrics are not objects")
    return metrics.items()


def _observation(observation, path):
    try:
        values = observation["value"]
        step = _step(observation["step"], path)
        mean = sum(values) / len(values)
    except (TypeError, KeyError, ZeroDivisionError):
        raise malformed(
            path, "which has an observation without value and step"
        ) from None
    return step, mean


def _step(step, path):
    try:
        return float(step)
    except (TypeError, ValueError):
        raise malformed(path, f"which has {step!r:.40} as a step") from None


def _label(number):
    # Every number was read as a float, and some are not finite.
    is_whole = isinstance(number, float) and number.is_integer()
    return f"{number:.0f}" if is_whole else str(number)

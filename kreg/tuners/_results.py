"""What a search found, as plain records."""

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

from kreg._validation import fail
from kreg.diagnosis import Verdict
from kreg.tuners import _files

_FILE = "kreg.json"

ORDERS = ("objective", "spread", "generalization_gap", "overfitting")


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """One trial of a search.

    Attributes:
        trial_id: String.
        hyperparameters: Dict of the values that were tried.
        objective: Float: its value at the best epoch, the mean over
            executions and folds; `None` if the trial failed.
        spread: Float: the standard deviation over executions and folds;
            `None` if there was one run alone.
        generalization_gap: Float: validation less training loss at the best
            epoch, without penalties, the mean over executions and folds;
            `None` without validation.
        verdict: `kreg.diagnosis.Verdict` on the best run, or `None`.
        best_epoch: Integer, 0-based: the best run's; `None` if it failed.
        status: `"COMPLETED"`, `"FAILED"`, `"RUNNING"` or `"INVALID"`.
        message: String: what went wrong, or `None`.
        strengths: Dict of the model's lambdas and rates by path.
        scores: Tuple of the objective in each run.
    """

    trial_id: str
    hyperparameters: dict[str, Any]
    objective: float | None
    spread: float | None
    generalization_gap: float | None
    verdict: Verdict | None
    best_epoch: int | None
    status: str
    message: str | None
    strengths: dict[str, float]
    scores: tuple[float, ...]


def write(folder: str, record: dict[str, Any]) -> None:
    """Writes what KerasTuner's `trial.json` has no place for."""
    _files.write_json(os.path.join(folder, _FILE), record)


def read(folder: str, trial: Any) -> TrialResult:
    """Returns the result of a trial.

    Args:
        folder: The folder of the trial.
        trial: The `Trial` of KerasTuner.
    """
    path = os.path.join(folder, _FILE)
    has_ended = trial.status in ("COMPLETED", "FAILED")
    record = (
        _files.read_json(path) if has_ended and os.path.exists(path) else {}
    )
    is_scored = trial.score is not None and math.isfinite(trial.score)
    verdict = record.get("verdict")
    return TrialResult(
        trial_id=trial.trial_id,
        hyperparameters=dict(trial.hyperparameters.values),
        objective=float(trial.score) if is_scored else None,
        spread=record.get("spread"),
        generalization_gap=record.get("generalization_gap"),
        verdict=None if verdict is None else Verdict.from_json(verdict),
        best_epoch=record.get("best_epoch") if is_scored else None,
        status=trial.status,
        message=trial.message,
        strengths=record.get("strengths", {}),
        scores=tuple(record.get("scores", ())),
    )


def lines_of(result: TrialResult) -> list[str]:
    """Returns what KerasTuner's summary of a trial does not say."""
    lines = []
    if result.spread is not None:
        runs = len(result.scores)
        lines.append(f"Spread: {result.spread:.4g} over {runs} runs")
    if result.generalization_gap is not None:
        lines.append(f"Generalization gap: {result.generalization_gap:.4g}")
    if result.verdict is not None:
        lines.append(f"Verdict: {result.verdict}")
    return lines


def ranked(
    results: Sequence[TrialResult], by: str, direction: str
) -> list[TrialResult]:
    """Returns the results in order; those without a value come last.

    Args:
        results: List of `TrialResult`.
        by: `"objective"`: from the best to the worst; `"spread"` or
            `"generalization_gap"`: from the least to the greatest;
            `"overfitting"`: from the weakest to the strongest overfit, which
            is by the verdict first and by the gap then.
        direction: `"min"` or `"max"`: which objective is better.

    Raises:
        ValueError: If `by` is none of these.
    """
    if by not in ORDERS:
        fail("by", f"one of {ORDERS}", by)
    sign = -1.0 if direction == "max" else 1.0

    def key(result: TrialResult) -> tuple[float, ...]:
        if by == "objective":
            return _last_if_none(result.objective, sign)
        if by == "spread":
            return _last_if_none(result.spread)
        gap = _last_if_none(result.generalization_gap)
        if by == "generalization_gap" or result.verdict is None:
            return gap
        return (gap[0], float(result.verdict.overfitting), gap[1])

    return sorted(results, key=key)


def _last_if_none(
    value: float | None, sign: float = 1.0
) -> tuple[float, float]:
    return (1.0, 0.0) if value is None else (0.0, sign * value)

"""From the outcomes of a trial's runs to what is written of the trial."""

import math
import os
import statistics
from collections.abc import Sequence
from typing import Any

from kreg.tuners import _results
from kreg.tuners._runs import Outcome, Run

_NOT_FINITE = "The objective `{}` was not finite in any epoch of {} of {} runs."


def report(
    oracle: Any, trial: Any, runs: Sequence[Run], outcomes: Sequence[Outcome]
) -> None:
    """Gives the oracle the metrics of a trial, and sets its status.

    The oracle's `end_trial` is to be called afterwards.

    Args:
        oracle: The oracle.
        trial: The trial.
        runs: Its runs.
        outcomes: What came of each.
    """
    failed = next((o for o in outcomes if o.message is not None), None)
    if failed is not None:
        trial.status = "FAILED" if failed.is_final else "INVALID"
        trial.message = failed.message
        return
    objective = oracle.objective
    scores = [outcome.metrics[objective.name] for outcome in outcomes]
    _results.write(runs[0].folder, _record(scores, outcomes, objective))
    bad = sum(not math.isfinite(score) for score in scores)
    if bad:
        trial.score = math.nan  # which tells it from an error in the code
        trial.status = "INVALID"
        trial.message = _NOT_FINITE.format(objective.name, bad, len(scores))
        return
    best = _best(scores, objective)
    _keep_weights(runs, best)
    epochs = [outcome.best_epoch for outcome in outcomes]
    oracle.update_trial(
        trial.trial_id, _means(outcomes), step=int(statistics.mean(epochs))
    )
    trial.status, trial.message = "COMPLETED", None


def _record(
    scores: list[float], outcomes: Sequence[Outcome], objective: Any
) -> dict[str, Any]:
    best = outcomes[_best(scores, objective)]
    gaps = [o.generalization_gap for o in outcomes]
    known = [gap for gap in gaps if gap is not None]
    is_spread = len(scores) > 1 and all(map(math.isfinite, scores))
    return {
        "scores": scores,
        "spread": statistics.stdev(scores) if is_spread else None,
        "generalization_gap": statistics.fmean(known) if known else None,
        "verdict": best.verdict.to_json() if best.verdict else None,
        "best_epoch": best.best_epoch,
        "strengths": best.strengths,
    }


def _best(scores: list[float], objective: Any) -> int:
    worst = -math.inf if objective.direction == "max" else math.inf
    values = [s if math.isfinite(s) else worst for s in scores]
    best = max(values) if objective.direction == "max" else min(values)
    return values.index(best)


def _means(outcomes: Sequence[Outcome]) -> dict[str, float]:
    shared = set.intersection(*(set(o.metrics) for o in outcomes))
    means = {
        key: statistics.fmean(o.metrics[key] for o in outcomes)
        for key in outcomes[0].metrics
        if key in shared
    }
    # Another metric may be NaN, of which KerasTuner would warn.
    return {key: mean for key, mean in means.items() if not math.isnan(mean)}


def _keep_weights(runs: Sequence[Run], best: int) -> None:
    """Leaves the best run's checkpoint under KerasTuner's name."""
    if len(runs) == 1:
        return
    path = os.path.join(runs[0].folder, "checkpoint.weights.h5")
    if os.path.exists(runs[best].weights):
        os.replace(runs[best].weights, path)
    for run in runs:
        if os.path.exists(run.weights):
            os.remove(run.weights)

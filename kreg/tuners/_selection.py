"""Which of the trials is handed out as the best."""

import math
from collections.abc import Sequence
from typing import Any

from kreg._validation import fail
from kreg.tuners._results import TrialResult, ranked

_WAYS = ("best", "one_standard_error")


def check_select(value: Any, runs_per_trial: int) -> str:
    """Returns `value`, or raises if it is no way to select.

    Args:
        value: `"best"` or `"one_standard_error"`.
        runs_per_trial: Integer: executions times folds.
    """
    if value not in _WAYS:
        fail("select", f"one of {_WAYS}", value)
    if value == "one_standard_error" and runs_per_trial < 2:
        fail(
            "select",
            "'best', unless there are `folds` or `executions_per_trial` to "
            "take a standard error over",
            value,
        )
    return str(value)


def one_standard_error(
    results: Sequence[TrialResult], direction: str
) -> TrialResult | None:
    """Returns the simplest trial that is about as good as the best.

    About as good: its score is at most one standard error of the best trial's
    mean away from it. Simplest: with the largest total regularization. Lambdas
    and rates have no common unit, so each counts by the share of the trials
    that have less of it, and these shares are added up.

    Args:
        results: List of `TrialResult`.
        direction: `"min"` or `"max"`.

    Returns:
        A `TrialResult`, or `None` if no trial has a score.

    References:

    - [Breiman et al., 1984](https://doi.org/10.1201/9781315139470), section
      3.4.3: the one standard error rule.
    """
    scored = [
        (r.objective, r)
        for r in ranked(results, "objective", direction)
        if r.objective is not None and r.scores
    ]
    if not scored:
        return None
    least, best = scored[0]
    error = (best.spread or 0.0) / math.sqrt(len(best.scores))
    near = [r for score, r in scored if abs(score - least) <= error]
    everyone = [r for _, r in scored]
    return max(near, key=lambda r: _regularization(r, everyone))


def _regularization(
    result: TrialResult, results: Sequence[TrialResult]
) -> float:
    total = 0.0
    for path, value in result.strengths.items():
        others = [r.strengths.get(path, 0.0) for r in results]
        less = sum(other < value for other in others)
        equal = sum(other == value for other in others)
        total += (less + equal / 2) / len(others)
    return total

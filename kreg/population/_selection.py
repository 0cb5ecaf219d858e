"""How population-based training selects, and how it varies what it chose."""

from collections.abc import Sequence

import numpy as np


def parents(
    scores: np.ndarray, share: float, random: np.random.Generator
) -> np.ndarray:
    """Returns whose weights each trial goes on with: truncation selection.

    A trial among the worst `share` goes on with those of one among the best
    `share`, drawn evenly; so does each whose score is not finite. Every other
    goes on with its own.

    Args:
        scores: Float array `(trials,)`; small is good.
        share: Float in (0, 0.5].
        random: NumPy generator.
    """
    scores = np.where(np.isfinite(scores), scores, np.inf)
    order = np.argsort(scores, kind="stable")
    count = max(1, int(share * len(scores)))
    best = order[:count]
    best = best[np.isfinite(scores[best])]
    chosen = np.arange(len(scores))
    if not len(best):
        return chosen
    worst = set(order[-count:].tolist()) | set(
        np.flatnonzero(np.isinf(scores)).tolist()
    )
    for trial in sorted(worst - set(best.tolist())):
        chosen[trial] = random.choice(best)
    return chosen


def explored(
    value: float,
    initial: np.ndarray,
    factors: Sequence[float],
    resample: float,
    maximum: float,
    random: np.random.Generator,
) -> float:
    """Returns a value near the given one, or a fresh one.

    Args:
        value: Float >= 0. What the parent had.
        initial: The values that the population began with; a fresh one lies
            between the smallest and the largest, evenly in the logarithm if
            all are above 0.
        factors: What a value is multiplied by, one drawn evenly.
        resample: Float in [0, 1]. Probability of a fresh value.
        maximum: Float. Largest value allowed.
        random: NumPy generator.
    """
    if random.random() >= resample:
        return float(min(value * random.choice(factors), maximum))
    low, high = float(initial.min()), float(initial.max())
    if low > 0:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return float(random.uniform(low, high))

"""How likely a run overfits: one logistic curve over two numbers."""

import math

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._measures import Measures


def score(measures: Measures) -> float:
    """Returns the log odds that the run overfits.

    They are

        SCORE[0] + SCORE[1] * tanh(excess / error) + SCORE[2] * agreement

    where `excess` is how far the rise lies above the smallest one worth a
    name, in log units, `error` what it can be off by, and `agreement` the rank
    correlation of training and validation loss.

    Args:
        measures: `Measures`.

    Returns:
        Float, above 0 if the run more likely overfits than not.
    """
    constant, slope, agreement = constants.SCORE
    return (
        constant
        + slope * math.tanh(_excess(measures))
        + agreement * measures.agreement
    )


def confidence(measures: Measures, overfitting: bool) -> float:
    """Returns the probability in [0, 1] that `overfitting` is right.

    Args:
        measures: `Measures`.
        overfitting: Boolean, the verdict.

    Returns:
        Float in [0.5, 1], with three digits.
    """
    odds = score(measures)
    if math.isfinite(measures.paired):
        constant, slope, agreement, paired = constants.SCORE_PAIRED
        odds = (
            constant
            + slope * math.tanh(_excess(measures))
            + agreement * measures.agreement
            + paired * math.tanh(measures.paired / 2)
        )
    # A rise that was excused does not count against its excuse.
    odds = max(0.0, odds if overfitting else -odds)
    return round(1 / (1 + math.exp(-odds)), 3)


def _excess(measures):
    rise = math.log1p(max(measures.rise, -0.6))
    error = math.hypot(
        constants.SET_ERROR, constants.NOISE_WEIGHT * measures.noise
    )
    return (rise - math.log1p(constants.RISE_FLOOR)) / error

"""How likely the verdict is right."""

import math

from kreg.diagnosis import constants


def confidence(measures, overfitting):
    """Returns the probability in [0, 1] that `overfitting` is right.

    Args:
        measures: `Measures`.
        overfitting: Boolean, the verdict.

    Returns:
        Float with three digits.
    """
    rise = math.log1p(max(measures.rise, -0.5))
    distance = rise - math.log1p(constants.RISE_FLOOR)
    error = math.hypot(0.3, measures.rise_error)
    likely = 1 / (1 + math.exp(-2 * distance / error))
    return round(likely if overfitting else 1 - likely, 3)

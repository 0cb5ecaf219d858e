"""How likely the verdict is right: two logistic curves."""

import math

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._measures import Measures


def confidence(measures: Measures, overfitting: bool) -> float:
    """Returns the probability in [0, 1] that `overfitting` is right.

    It grows with the distance of the rise from the floor, in units of what
    the rise can be off by: its error between epochs, and the error that every
    validation set of finite size has. Where the paired series are known they
    say what the latter is.

    Args:
        measures: `Measures`.
        overfitting: Boolean, the verdict.

    Returns:
        Float in [0.5, 1], with three digits.
    """
    paired = math.isfinite(measures.paired)
    distance = measures.paired if paired else _distance(measures)
    if not (overfitting or paired):
        # A rise that was excused does not count against its excuse.
        distance = min(distance, 0.0)
    table = constants.CONFIDENCE_PAIRED if paired else constants.CONFIDENCE
    constant, slope, late = table[overfitting]
    position = measures.best / (measures.count - 1)
    score = constant + slope * math.tanh(distance / 2) + late * position
    return round(max(0.5, 1 / (1 + math.exp(-score))), 3)


def _distance(measures):
    rise = math.log1p(max(measures.rise, -0.6))
    error = math.hypot(constants.SET_ERROR, measures.rise_error)
    return (rise - math.log1p(constants.RISE_FLOOR)) / error

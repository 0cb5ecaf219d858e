"""How likely a run overfits: logistic curves over a few numbers."""

import math

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._measures import Measures


def score(measures: Measures) -> float:
    """Returns the log odds that the run overfits, as the verdict has it.

    They are

        SCORE[0] + SCORE[1] * tanh(excess / error) + SCORE[2] * agreement
            + SCORE[3] * tanh(end / end_error)

    where `excess` is how far the rise lies above the smallest one worth a
    name, in log units, `error` what it can be off by, `agreement` the rank
    correlation of training and validation loss, and `end` is as `excess`, but
    of the mean of the last epochs above the lowest mean of as many.

    Args:
        measures: `Measures`.

    Returns:
        Float, above 0 if the run more likely overfits than not.
    """
    return _weighted(constants.SCORE, _terms(measures))


def confidence(measures: Measures, overfitting: bool) -> float:
    """Returns the probability in [0, 1] that `overfitting` is right.

    How much is known of a run says little about whether it overfits, but
    something about how far to trust the verdict. So the probability rests on
    more numbers than the verdict, where they are known.

    Args:
        measures: `Measures`.
        overfitting: Boolean, the verdict.

    Returns:
        Float in [0.5, 1], with three digits.
    """
    odds = _odds(measures)
    # A rise that was excused does not count against its excuse.
    odds = max(0.0, odds if overfitting else -odds)
    return round(1 / (1 + math.exp(-odds)), 3)


def _odds(measures):
    terms = _terms(measures)
    if not math.isfinite(measures.gap_ratio):
        return _weighted(constants.SCORE, terms)
    noise = min(measures.noise, constants.MOST_NOISE) + constants.LEAST_NOISE
    terms += math.tanh(measures.gap_ratio / 3), math.log(noise)
    if not math.isfinite(measures.paired):
        return _weighted(constants.SURE, terms)
    terms += (math.tanh(measures.paired / 2),)
    return _weighted(constants.SURE_PAIRED, terms)


def _weighted(weights, terms):
    products = (w * t for w, t in zip(weights[1:], terms, strict=True))
    return weights[0] + sum(products)


def _terms(measures):
    noise = measures.noise
    error = math.hypot(constants.SET_ERROR, constants.NOISE_WEIGHT * noise)
    end_error = math.hypot(constants.END_ERROR, constants.END_NOISE * noise)
    return (
        math.tanh(_excess(measures.rise, constants.RISE_FLOOR) / error),
        measures.agreement,
        math.tanh(_excess(measures.end_rise, constants.END_FLOOR) / end_error),
    )


def _excess(rise, floor):
    return math.log1p(max(rise, -0.6)) - math.log1p(floor)

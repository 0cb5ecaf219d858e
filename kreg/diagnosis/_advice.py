"""What to change, in which direction, by how much, and why."""

import fnmatch
import math
from collections.abc import Mapping

from kreg.diagnosis._measures import Measures
from kreg.diagnosis._verdict import Advice

# The last part of a strength's path says what it is. The first pattern is
# what to add where a model has no such strength. The number is what to begin
# with, as a share of the validation loss at the end: a penalty competes with
# the loss and has its unit. Sums of absolute values or norms are about ten
# times sums of squares at the weights that networks have.
PENALTIES = {
    "*/l2": 4e-3,
    "*/l1": 4e-4,
    "*/strength": 4e-4,
    "*penalty*": 4e-4,
    "*regularizer*": 4e-4,
}
RATES = ("*/rate", "*drop*")

# A penalty has to grow by a factor to be felt; 10 is too much for one that
# is felt already.
FACTOR = 3.0

# More noise than this rarely helps: rates go half way to it.
HIGH_RATE = 0.6

# What is far below the penalty to begin with, or a rate this low, holds no
# network back.
UNFELT = 0.1
LOW_RATE = 0.1

# A validation loss above twice the training loss: what is learned no longer
# carries over, even where nothing gets worse.
WIDE_GAP = math.log(2)

STOP = Advice(
    "EarlyStopping with restored best weights",
    "",
    "none",
    None,
    "Everything after the best epoch raised the validation loss.",
)
LARGER = Advice(
    "a larger network or another learning rate",
    "",
    "none",
    None,
    "Neither loss fell by a tenth of its level.",
)
MORE_EPOCHS = Advice(
    "more epochs", "", "none", None, "The validation loss is still falling."
)
FINER = Advice(
    "learning rate x0.3",
    "",
    "none",
    None,
    "Smaller steps often find a lower loss where larger ones no longer do.",
)
LONGER = Advice("more epochs", "", "none", None, "There are too few to judge.")
SLOWER = Advice(
    "learning rate x0.3",
    "",
    "none",
    None,
    "The training loss itself went up, or was no number.",
)
MORE_DATA = Advice(
    "a larger validation set",
    "",
    "none",
    None,
    "The validation loss jumps more than it moves.",
)

WITHOUT_STRENGTH = {
    "still improving": (MORE_EPOCHS,),
    "too short to tell": (LONGER,),
    "diverged": (SLOWER,),
    "noise too large to tell": (MORE_DATA,),
}


def advise(
    status: str,
    measures: Measures | None,
    strengths: Mapping[str, float] | None,
) -> tuple[Advice, ...]:
    """Returns the advice for a status, the most useful first.

    Args:
        status: String, a verdict's status.
        measures: `Measures`, or `None` where the run was too short for them.
        strengths: Mapping of path to current value, or `None`.

    Returns:
        Tuple of `Advice`.
    """
    known, strengths = strengths is not None, strengths or {}
    if status == "overfitting" and measures is not None:
        penalty = _more_penalty(strengths, measures, known)
        noise = _more_noise(strengths)
        if noise is None:
            return (penalty, STOP)
        # What the model has comes before what it would have to be given.
        if noise.apply(strengths) and not penalty.apply(strengths):
            return (noise, penalty, STOP)
        return (penalty, noise, STOP)
    if status == "plateau" and measures is not None:
        if measures.gap_ratio > WIDE_GAP:
            return (_more_penalty(strengths, measures, known), FINER)
        return (FINER,)
    if status == "underfitting":
        felt = UNFELT * _end(measures) if measures else 0.0
        lowered = (
            _less(
                strengths,
                {p: share * felt for p, share in PENALTIES.items()},
                0.1,
                "A penalty may hold it back.",
            ),
            _less(
                strengths,
                dict.fromkeys(RATES, LOW_RATE),
                0.5,
                "Noise may drown the signal.",
            ),
        )
        return (*filter(None, lowered), LARGER)
    return WITHOUT_STRENGTH.get(status, ())


def _more_penalty(strengths, measures, known):
    why = "Large weights are what fits single examples."
    pattern, path, value = _strongest(strengths, PENALTIES)
    if not known:
        why += (
            " Where there is no penalty yet, begin with "
            f"{PENALTIES[pattern]:.1%} of the validation loss."
        )
        return Advice(f"L2 x{FACTOR:g}", pattern, "up", FACTOR, why)
    least = float(f"{PENALTIES[pattern] * _end(measures):.1g}")
    target = max(value * FACTOR, least)
    if path is None:
        return Advice(f"L2 {least:.0e}", pattern, "up", None, why, least)
    return _raise(pattern, path, value, target, why, least)


def _end(measures):
    """The validation loss at the end, in its unit; 0 if it is negative."""
    return max(measures.level, 0.0) * (1 + measures.rise)


def _more_noise(strengths):
    why = "Units that may drop out cannot rely on each other."
    pattern, path, value = _strongest(strengths, RATES)
    if value >= HIGH_RATE:
        return None
    target = (value + HIGH_RATE) / 2
    if path is None:
        text = f"dropout {target:g}"
        return Advice(text, pattern, "up", None, why, target)
    return _raise(pattern, path, value, target, why, target)


def _raise(pattern, path, value, target, why, least):
    """Advice to take the strongest of a kind to `target`, others with it."""
    factor = round(target / value, 3) if value > 0 else None
    text = f"{path} {value:.2g} -> {target:.2g}"
    return Advice(text, pattern, "up", factor, why, least)


def _less(strengths, patterns, factor, why):
    """Advice to lower the first kind of strength that lies above its floor."""
    for pattern, floor in patterns.items():
        _, path, value = _strongest(strengths, (pattern,))
        if value > floor:
            text = f"{path} {value:.2g} -> {value * factor:.2g}"
            return Advice(text, pattern, "down", factor, why)
    return None


def _strongest(strengths, patterns):
    """Returns pattern, path and value of the largest strength of a kind."""
    for pattern in patterns:
        paths = fnmatch.filter(strengths, pattern)
        if paths:
            path = max(paths, key=lambda p: strengths[p])
            return pattern, path, strengths[path]
    return next(iter(patterns)), None, 0.0

"""What to change, in which direction, by how much, and why."""

import fnmatch
from collections.abc import Mapping

from kreg.diagnosis._measures import Measures
from kreg.diagnosis._verdict import Advice

# The last part of a strength's path says what it is. The first pattern is
# what to add where a model has no such strength.
PENALTIES = ("*/l2", "*/l1", "*/strength", "*penalty*", "*regularizer*")
RATES = ("*/rate", "*drop*")

STRONG_RISE = 0.5
FIRST_L2 = 1e-4
FIRST_RATE = 0.5

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
    strengths = strengths or {}
    if status == "overfitting" and measures is not None:
        factor = 10.0 if measures.rise > STRONG_RISE else 3.0
        return (_more_penalty(strengths, factor), _more_noise(strengths), STOP)
    if status == "underfitting":
        lowered = (
            _less(strengths, PENALTIES, 0.1, "A penalty may hold it back."),
            _less(strengths, RATES, 0.5, "Noise may drown the signal."),
        )
        return (*filter(None, lowered), LARGER)
    return WITHOUT_STRENGTH.get(status, ())


def _more_penalty(strengths, factor):
    why = "Large weights are what fits single examples."
    pattern, path, value = _strongest(strengths, PENALTIES)
    if value > 0:
        text = f"{path} {value:.2g} -> {value * factor:.2g}"
    elif strengths:
        text = f"L2 {FIRST_L2:.0e}"
        factor = None
    else:
        text = f"L2 x{factor:g}"
    return Advice(text, pattern, "up", factor, why)


def _more_noise(strengths):
    why = "Units that may drop out cannot rely on each other."
    pattern, path, value = _strongest(strengths, RATES)
    if not 0 < value < 1:
        return Advice(f"dropout {FIRST_RATE}", pattern, "up", None, why)
    # Half way to what is left over of 0.8: beyond that little gets through.
    target = max(value, (value + 0.8) / 2)
    text = f"{path} {value:.2g} -> {target:.2g}"
    return Advice(text, pattern, "up", round(target / value, 3), why)


def _less(strengths, patterns, factor, why):
    pattern, path, value = _strongest(strengths, patterns)
    if not value > 0:
        return None
    text = f"{path} {value:.2g} -> {value * factor:.2g}"
    return Advice(text, pattern, "down", factor, why)


def _strongest(strengths, patterns):
    """Returns pattern, path and value of the largest strength of a kind."""
    for pattern in patterns:
        paths = fnmatch.filter(strengths, pattern)
        if paths:
            path = max(paths, key=lambda p: strengths[p])
            return pattern, path, strengths[path]
    return patterns[0], None, 0.0

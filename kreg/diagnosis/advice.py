"""What to change, in which direction, by how much, and why."""

import fnmatch

from kreg.diagnosis.verdict import Advice

PENALTIES = "*regularizer*"
RATES = "*drop*"
STRONG_RISE = 0.5


def advise(status, measures, strengths):
    """Returns the advice for a status, the most useful first.

    Args:
        status: String, a verdict's status.
        measures: `Measures`, or `None` where the run was too short for them.
        strengths: Dict of path to current value, or `None`.

    Returns:
        Tuple of `Advice`.
    """
    strengths = strengths or {}
    if status == "overfitting":
        factor = 10.0 if measures.rise > STRONG_RISE else 3.0
        return (
            _penalty("up", factor, strengths, "the weights fit the examples"),
            _rate("up", strengths, "noise keeps units from co-adapting"),
            Advice(
                "stop at the best epoch",
                "",
                "none",
                None,
                "Everything after it raised the validation loss.",
            ),
        )
    if status == "underfitting":
        return (
            _penalty("down", 0.1, strengths, "the penalty may hold back"),
            _rate("down", strengths, "noise may drown the signal"),
            Advice(
                "a larger network or learning rate",
                "",
                "none",
                None,
                "Neither loss fell by a tenth.",
            ),
        )
    simple = {
        "still improving": (
            "more epochs",
            "The validation loss is still falling.",
        ),
        "diverged": (
            "a learning rate x0.3",
            "The loss blew up instead of falling.",
        ),
        "too short to tell": ("more epochs", "There are too few to judge."),
        "noise too large to tell": (
            "a larger validation set",
            "The curve jumps more than it moves.",
        ),
    }
    if status not in simple:
        return ()
    text, why = simple[status]
    return (Advice(text, "", "none", None, why),)


def _penalty(direction, factor, strengths, why):
    path = _first(PENALTIES, strengths)
    why = why[0].upper() + why[1:] + "."
    if path is None or not strengths[path] > 0:
        text = f"L2 x{factor:g}"
    else:
        text = f"{path} {strengths[path]:.2g} -> {strengths[path] * factor:.2g}"
    return Advice(text, PENALTIES, direction, factor, why)


def _rate(direction, strengths, why):
    path = _first(RATES, strengths)
    why = why[0].upper() + why[1:] + "."
    now = None if path is None else strengths[path]
    if not now:
        text = "dropout 0.5" if direction == "up" else "less dropout"
        return Advice(text, RATES, direction, None, why)
    target = now + 0.5 * (0.8 - now) if direction == "up" else now / 2
    text = f"{path} {now:.2g} -> {target:.2g}"
    return Advice(text, RATES, direction, round(target / now, 3), why)


def _first(pattern, strengths):
    for path in strengths:
        if fnmatch.fnmatchcase(path, pattern):
            return path
    return None

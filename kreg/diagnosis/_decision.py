"""From curves to a verdict."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._advice import advise
from kreg.diagnosis._chance import is_chance
from kreg.diagnosis._confidence import confidence, score
from kreg.diagnosis._measures import Measures, best_of, measure
from kreg.diagnosis._series import as_epochs, as_series, as_strengths
from kreg.diagnosis._verdict import Verdict

Floats = Sequence[float | None] | np.ndarray


def diagnose(
    train_loss: Floats | None,
    val_loss: Floats,
    *,
    epochs: Sequence[int] | None = None,
    probe_loss: Floats | None = None,
    val_rise: Floats | None = None,
    val_rise_se: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> Verdict:
    """Says whether a training run overfits, since when, and what to do.

    The verdict does not depend on the unit of the losses. Epochs without a
    validation loss are skipped; a last epoch in which both losses are no
    number means that the run diverged.

    Args:
        train_loss: Sequence of floats, the training loss of every epoch; NaN
            or `None` where it is missing. May itself be `None`.
        val_loss: Sequence of floats, the validation loss of every epoch; NaN
            or `None` where there was no validation.
        epochs: Strictly increasing integers, the 0-based epoch numbers.
            Defaults to `range(len(val_loss))`.
        probe_loss: Sequence of floats, the training loss measured as the
            validation loss is: at the end of the epoch, without dropout. Used
            for the gap in place of `train_loss`. Defaults to `None`.
        val_rise: Sequence of floats, the mean over examples of the validation
            loss above its best epoch's. Defaults to `None`.
        val_rise_se: Sequence of floats, the standard error of `val_rise`.
            Defaults to `None`.
        strengths: Dict of path to current value, or what
            `kreg.strengths(model)` returns; makes the advice concrete.
            Defaults to `None`.

    Returns:
        A `Verdict`.

    Raises:
        ValueError: If a sequence is not of numbers or has another length than
            `val_loss`, or a strength is no finite number >= 0.

    Example:
    >>> from kreg.diagnosis import diagnose
    >>> verdict = diagnose(
    ...     train_loss=[2, 1, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05],
    ...     val_loss=[2, 1.2, 0.9, 0.8, 0.9, 1.1, 1.3, 1.5],
    ... )
    >>> verdict.status, verdict.best_epoch
    ('overfitting', 3)
    """
    val = as_series(val_loss, "val_loss")
    given = {
        "train_loss": train_loss,
        "probe_loss": probe_loss,
        "val_rise": val_rise,
        "val_rise_se": val_rise_se,
    }
    series = {
        name: np.full(val.size, np.nan)
        if value is None
        else as_series(value, name, val.size)
        for name, value in given.items()
    }
    epochs = as_epochs(epochs, val.size)
    known = as_strengths(strengths)
    train = series["train_loss"]
    probe = train if probe_loss is None else series["probe_loss"]
    observed = np.flatnonzero(np.isfinite(val))
    if _has_blown_up(train, val):
        return _blown_up(val, epochs)
    if observed.size < constants.MIN_EPOCHS:
        return _too_short(val, observed, epochs)
    pair = (series["val_rise"][observed], series["val_rise_se"][observed])
    measures, status = _judge(val[observed], probe[observed], pair)
    overfitting = status == "overfitting"
    return Verdict(
        status=status,
        overfitting=overfitting,
        best_epoch=epochs[observed[measures.best]],
        onset_epoch=epochs[observed[measures.onset]] if overfitting else None,
        gap=_round(measures.gap) if np.isfinite(measures.gap) else None,
        relative_rise=round(float(measures.rise), 6),
        confidence=confidence(measures, overfitting),
        evidence=_evidence(measures, val[observed]),
        advice=advise(status, measures, known),
    )


def _judge(val, train, pair):
    """Returns measures and status; a lone last minimum may be a spike."""
    measures = measure(val, train, pair)
    before = np.minimum.accumulate(val)
    is_lone = val[-1] < before[-2] and val[-2] > before[-3]
    if is_lone and val.size > constants.MIN_EPOCHS:
        cut = [series[:-1] for series in pair]
        without = measure(val[:-1], train[:-1], cut)
        if decide(without) == "overfitting":
            return without, "overfitting"
    return measures, decide(measures)


def decide(measures: Measures) -> str:
    """Returns the status that the measures stand for."""
    m = measures
    falling = m.fall > max(constants.FALL_FLOOR, 2 * m.fall_error)
    # A rise that was undone in full is over: what counts is what came after.
    descends_again = constants.HUMP_UNDONE <= m.hump < 1 and falling
    # One that came to a halt half way is not, however little it still falls.
    descends_again &= m.rise < constants.HUMP_QUARTERS * m.fall
    # What swings with the learning rate swings in both losses.
    apart = m.train_rise < 0 or m.agreement < constants.SWING_AGREEMENT
    swings = m.recovers and (math.isnan(m.train_rise) or not apart)
    excused = m.at_minimum or descends_again or swings
    drowned = (
        m.rise_error > constants.NOISE_LIMIT
        and m.rise < constants.RISE_ERRORS * m.rise_error
    )
    looks_worse = score(m) > 0 and not excused
    drowned |= looks_worse and is_chance(m)
    if looks_worse and not drowned:
        if m.given_back > constants.DIVERGED_SHARE:
            return "diverged"
        return "overfitting"
    if m.growth > constants.DIVERGED_GROWTH:
        return "diverged"
    if falling and m.rise < constants.RISE_FLOOR or descends_again:
        return "still improving"
    if m.rise_error > constants.NOISE_LIMIT or drowned:
        return "noise too large to tell"
    if max(m.val_gain, np.nan_to_num(m.train_gain)) < constants.GAIN_FLOOR:
        return "underfitting"
    if m.late_gain < constants.FALL_FLOOR:
        return "plateau"
    return "healthy"


def _has_blown_up(train, val):
    if np.isinf(val[-1]) or np.isinf(train[-1]):
        return True
    lost = np.isnan(train[-1]) and np.isnan(val[-1])
    return bool(lost and np.isfinite(train).any())


def _blown_up(val, epochs):
    finite = np.where(np.isfinite(val), val, np.inf)
    best = int(np.argmin(finite))
    return Verdict(
        status="diverged",
        overfitting=False,
        best_epoch=epochs[best] if np.isfinite(val[best]) else None,
        onset_epoch=None,
        gap=None,
        relative_rise=None,
        confidence=1.0,
        evidence={"epochs": int(np.isfinite(val).sum())},
        advice=advise("diverged", None, None),
    )


def _too_short(val, observed, epochs):
    best = None
    if observed.size:
        best = epochs[observed[best_of(val[observed])]]
    return Verdict(
        status="too short to tell",
        overfitting=False,
        best_epoch=best,
        onset_epoch=None,
        gap=None,
        relative_rise=None,
        confidence=0.5,
        evidence={"epochs": int(observed.size)},
        advice=advise("too short to tell", None, None),
    )


def _evidence(measures, val):
    # Where levels mean nothing, rises are shares of how far the loss ranged.
    of_range = {"rise_of_range": 1} if val.min() < 0 else {}
    numbers = of_range | {
        "epochs": measures.count,
        "rise_error": measures.rise_error,
        "end_rise": measures.end_rise,
        "agreement": measures.agreement,
        "score": score(measures),
        "noise": measures.noise,
        "fall": measures.fall,
        "fall_error": measures.fall_error,
        "validation_gain": measures.val_gain,
        "train_gain": measures.train_gain,
        "late_gain": measures.late_gain,
        "hump_undone": measures.hump,
        "paired_rise": measures.paired,
    }
    return {
        name: value if isinstance(value, int) else round(float(value), 6)
        for name, value in numbers.items()
        if np.isfinite(value)
    }


def _round(value):
    """Six significant digits: the rest is left over from a change of unit."""
    return float(f"{value:.6g}")

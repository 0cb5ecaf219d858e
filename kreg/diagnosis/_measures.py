"""The numbers a verdict rests on, measured on the observed epochs."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._smoothing import (
    lowest_mean,
    median_of_three,
    noise,
    rank_correlation,
    slope,
    smooth,
    trend,
)
from kreg.diagnosis._undone import hump, recovers

# In units of the median loss; below this only rounding is left.
SMALLEST_LEVEL = 1e-9

# Likewise; beyond it sums of squares would overflow.
LARGEST_LOSS = 1e12


@dataclasses.dataclass(frozen=True)
class Measures:
    """What the curves show. Positions count observed epochs from 0.

    Attributes:
        count: Number of epochs with a validation loss.
        best: Position of the best epoch.
        onset: Position from which on the curve stays above its best level.
        level: The best level, in the unit of the losses.
        rise: Loss at the end above the best level, in units of `scale`: the
            best level, or what was gained where losses are not positive.
        end_rise: The mean of the last tenth above the lowest mean of as many
            epochs, in `scale`.
        rise_error: Standard error of `rise`.
        agreement: Rank correlation of training and validation loss once the
            first fall is over: 1 if they move alike, -1 if they part.
        noise: Standard deviation between epochs, in units of `scale`.
        trend: Standard errors by which the ranks of the loss grow with the
            epoch, once the first fall is over or after the best epoch,
            whichever is more.
        fall: How far the curve falls over its last quarter, in `scale`.
        fall_error: Standard error of `fall`.
        late_gain: How far the second half of the run lowered the loss.
        val_gain: Fall from the first epoch to the best level, in `scale`.
        train_gain: Fall of the training loss, relative to its first level.
        given_back: Where the training loss ends between its lowest level (0)
            and its highest (1).
        growth: The training loss at the end over the first, or NaN where that
            is not positive.
        train_rise: How far the training loss ends above where it was at the
            best epoch, as a share of its range, or NaN.
        recovers: Whether the run has come back from a rise as high and as
            long as the present one, as with a cyclic learning rate.
        hump: Share of a rise in the middle of the run that was undone, 0 if
            there was no such rise.
        at_minimum: Whether the last epoch is the lowest.
        gap: Validation loss minus training loss at the end, or NaN.
        gap_ratio: Logarithm of validation loss over training loss at the end,
            or NaN where they are not positive.
        paired: The paired rise at the end above the smallest rise worth a
            name, in its standard errors, or NaN.
    """

    count: int
    best: int
    onset: int
    level: float
    rise: float
    end_rise: float
    rise_error: float
    agreement: float
    noise: float
    trend: float
    fall: float
    fall_error: float
    late_gain: float
    val_gain: float
    train_gain: float
    given_back: float
    growth: float
    train_rise: float
    recovers: bool
    hump: float
    at_minimum: bool
    gap: float
    gap_ratio: float
    paired: float


def measure(
    val: np.ndarray,
    train: np.ndarray,
    paired: Sequence[np.ndarray] | None = None,
) -> Measures:
    """Measures a validation curve and, where there is one, a training curve.

    Args:
        val: Array of at least `MIN_EPOCHS` finite floats.
        train: Array of as many floats or NaNs.
        paired: Two arrays of as many floats or NaNs, the rise above the best
            epoch on the same examples and its standard error. Defaults to
            `None`.

    Returns:
        `Measures`.
    """
    unit = _unit(val)
    val, train = _in_units(val, unit), _in_units(train, unit)
    filtered, curve = median_of_three(val), smooth(val)
    lowest, best = _lowest_and_best(val, curve)
    between = noise(val[val.size // 2 :] if val.size >= 16 else val)
    level = _best_level(filtered, curve.values, between)
    tail = max(constants.MIN_TAIL, round(constants.TAIL_FRACTION * val.size))
    scale = _scale(val, level)
    final = _final_level(val, filtered, scale)
    lowest_tenth = lowest_mean(filtered, last_tenth(val.size))
    width = int(curve.end[lowest] - curve.begin[lowest])
    change, change_error = slope(filtered[-max(5, val.size // 4) :])
    half = float(np.median(val[: (val.size + 1) // 2][-tail:]))
    known = train[np.isfinite(train)]
    train_gain, given_back = _training(known, tail)
    return Measures(
        count=int(val.size),
        best=best,
        onset=_onset(curve, lowest, best, final, val.size),
        level=level * unit,
        rise=(final - level) / scale,
        end_rise=(_end_mean(val, filtered) - lowest_tenth) / scale,
        rise_error=between * np.sqrt(1 / width + 1 / tail) / scale,
        agreement=_agreement(val, train),
        noise=between / scale,
        trend=max(trend(_later(val)), trend(val[best + 1 :])),
        fall=-change / scale,
        fall_error=change_error / scale,
        late_gain=(half - final) / scale,
        val_gain=(float(val[0]) - level) / scale,
        train_gain=train_gain,
        given_back=given_back,
        growth=_growth(known),
        train_rise=_train_rise(train, best, tail),
        recovers=recovers(filtered, float(curve.values.min()), tail),
        hump=hump(curve.values, scale),
        at_minimum=bool(val[-1] <= val.min()),
        gap=round(_gap(val, train, tail), 9) * unit,
        gap_ratio=_gap_ratio(val, train),
        paired=_paired(paired, scale * unit, tail),
    )


def _unit(values):
    """The median size, or where that is zero the largest."""
    largest = float(np.abs(values).max()) or 1.0
    return float(np.median(np.abs(values) / largest)) * largest or largest


def _in_units(values, unit):
    with np.errstate(over="ignore"):
        return np.clip(values / unit, -LARGEST_LOSS, LARGEST_LOSS)


def _best_level(filtered, smoothed, between):
    """The lowest value, less what noise alone takes off the lowest of many."""
    lowest = float(filtered[:-1].min())
    luck = np.sqrt(2 * np.log(filtered.size)) * between
    return min(float(smoothed.min()), lowest + constants.LOWEST_LUCK * luck)


def best_of(val: np.ndarray) -> int:
    """Returns the position of the best epoch, as `measure` does.

    Args:
        val: Array of finite floats.
    """
    if val.size < 3:
        return int(np.argmin(val))
    val = _in_units(val, _unit(val))
    return _lowest_and_best(val, smooth(val))[1]


def _lowest_and_best(val, curve):
    lowest = int(np.argmin(curve.values))
    begin, end = curve.begin[lowest], curve.end[lowest] + 1
    # Windows grow in steps, so the last may stop short of the last epoch.
    if lowest == curve.values.size - 1 and val[-1] < val[-2] < val[:-2].min():
        end = val.size
    return lowest, int(begin + np.argmin(val[begin:end]))


def _final_level(val, filtered, scale):
    """The last value, held near the mean of the last few against spikes."""
    mean, limit = _end_mean(val, filtered), constants.LAST_LIMIT * scale
    return float(np.clip(val[-1], mean - limit, mean + limit))


def _end_mean(val, filtered):
    """The mean of the last tenth, in which a spike counts for nothing."""
    last = last_tenth(val.size)
    return float(np.append(filtered[-last:-1], np.median(val[-3:])).mean())


def last_tenth(count):
    return max(constants.MIN_TAIL, round(constants.END_FRACTION * count))


def _agreement(val, train):
    """Without a training curve the epochs stand in for one that falls."""
    val, train = _later(val), _later(train)
    known = np.isfinite(train)
    if known.sum() < constants.MIN_TAIL:
        return rank_correlation(val, -np.arange(val.size))
    return rank_correlation(val[known], train[known])


def _later(values):
    return values[values.size // constants.FIRST_FALL :]


def _scale(val, level):
    """The level itself, or what was gained where levels mean nothing."""
    if val.min() >= 0:
        return max(level, SMALLEST_LEVEL)
    gained = float(val.max() - val.min())
    return gained if gained > 0 else 1.0


def _onset(curve, lowest, best, final, count):
    """One past the last window whose level is still near the best."""
    values = curve.values[lowest:]
    margin = constants.ONSET_SHARE * max(final - values[0], 0.0)
    near = values <= values[0] + margin
    onset = lowest + int(np.flatnonzero(near)[-1]) + 1
    # No earlier than the epoch that completed the best window.
    return min(max(onset, int(curve.end[lowest]), best + 1), count - 1)


def _training(train, tail):
    if train.size < constants.MIN_EPOCHS:
        return np.nan, 0.0
    values = smooth(train).values
    first, lowest = float(train[0]), float(values.min())
    highest = max(first, float(values.max()))
    span = highest - lowest
    end = float(median_of_three(train)[-tail:].mean())
    given_back = (end - lowest) / span if span > 0 else 0.0
    return (first - lowest) / (abs(first) or 1.0), given_back


def _growth(train):
    if not train.size or train[0] <= 0:
        return np.nan
    return float(np.median(train[-3:])) / float(train[0])


def _train_rise(train, best, tail):
    here = train[max(best - 1, 0) : best + 2]
    end = train[-tail:]
    known = train[np.isfinite(train)]
    here, end = here[np.isfinite(here)], end[np.isfinite(end)]
    if not here.size or not end.size or np.ptp(known) == 0:
        return np.nan
    return float(end.mean() - here.mean()) / float(np.ptp(known))


def _gap(val, train, tail):
    difference = (val - train)[-tail:]
    known = difference[np.isfinite(difference)]
    return float(np.median(known)) if known.size else np.nan


def _gap_ratio(val, train):
    known = np.flatnonzero(np.isfinite(train))
    if not known.size:
        return np.nan
    # A training loss of next to nothing is no smaller than this.
    least = constants.GAP_FLOOR * abs(float(train[known[0]]))
    here = known[-last_tenth(known.size) :]
    above, below = val[here].mean() + least, train[here].mean() + least
    if min(above, below) <= 0:
        return np.nan
    return float(np.log(above) - np.log(below))


def _paired(paired, scale, tail):
    if paired is None:
        return np.nan
    rise, error = (series[-tail:] for series in paired)
    known = np.isfinite(rise) & np.isfinite(error) & (error > 0)
    if not known.any():
        return np.nan
    with np.errstate(all="ignore"):
        excess = np.mean(rise[known]) - constants.RISE_FLOOR * scale
        return float(excess / np.mean(error[known]))

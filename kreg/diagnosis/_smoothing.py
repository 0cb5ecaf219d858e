"""Smoothing that a spike cannot bend and a cut cannot change."""

from typing import NamedTuple

import numpy as np

from kreg.diagnosis import _constants as constants


class Smooth(NamedTuple):
    """A smoothed curve and the window behind each of its points.

    Attributes:
        values: The smoothed curve; it ends where windows stop being whole.
        begin: First index of each window.
        end: One past the last index of each window.
    """

    values: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def median_of_three(values: np.ndarray) -> np.ndarray:
    """Returns the running median of three; both ends stay as they are."""
    result = values.copy()
    if values.size > 2:
        before, here, after = values[:-2], values[1:-1], values[2:]
        low, high = np.minimum(before, here), np.maximum(before, here)
        result[1:-1] = np.maximum(low, np.minimum(high, after))
    return result


def smooth(values: np.ndarray) -> Smooth:
    """Averages the running median over windows that grow along the run.

    The window of point i depends on i alone, and only whole windows count, so
    the smoothed curve of a run's beginning is the beginning of the run's
    smoothed curve.

    Args:
        values: Array of at least three finite floats.

    Returns:
        A `Smooth`.
    """
    filtered = median_of_three(values)
    index = np.arange(values.size)
    half = (constants.WINDOW_FRACTION * index).astype(int)
    half = np.clip(half, 1, constants.MAX_HALF_WINDOW)
    whole = index + half <= values.size - 2
    begin = np.maximum(index - half, 0)[whole]
    end = (index + half + 1)[whole]
    edges = np.stack([begin, end], axis=1).ravel()
    sums = np.add.reduceat(filtered, edges)[::2]
    # Equal levels must stay equal whatever the unit, so that the first wins.
    return Smooth((sums / (end - begin)).round(12), begin, end)


def lowest_mean(values: np.ndarray, count: int) -> float:
    """Returns the lowest mean of `count` values in a row."""
    sums = np.cumsum(np.append(0.0, values))
    return float((sums[count:] - sums[:-count]).min()) / count


def noise(values: np.ndarray) -> float:
    """Returns the standard deviation from one epoch to the next.

    It is estimated from second differences, which a smooth trend leaves
    small, by their median, which spikes and steps leave alone.

    Args:
        values: Array of at least three finite floats.

    Returns:
        Float >= 0, in the unit of `values`.
    """
    bend = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])
    # 1.4826 makes a median deviation a standard one; the second difference
    # of independent values has six times their variance.
    return float(1.4826 * np.median(bend) / np.sqrt(6))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Returns Spearman's correlation.

    Ranks make it blind to how high a spike is. Equal values share a rank, and
    those above them follow without a gap.

    Args:
        one: Array of finite floats.
        other: Array of as many.

    Returns:
        Float in [-1, 1]; 0 for fewer than three values or equal ones.
    """
    if one.size < 3:
        return 0.0
    a, b = (ranks - ranks.mean() for ranks in map(_ranks, (one, other)))
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0


def _ranks(values):
    # As in `smooth`: what differs by rounding alone depends on the unit.
    sizes = values / (np.abs(values).max() or 1.0)
    return np.unique(sizes.round(12), return_inverse=True)[1].astype(float)


def trend(values: np.ndarray) -> float:
    """Returns how far the ranks of `values` grow, in standard errors.

    Args:
        values: Array of finite floats.

    Returns:
        Float; of independent values a standard normal one, nearly.
    """
    order = np.arange(values.size)
    return rank_correlation(values, order) * np.sqrt(max(values.size - 1, 1))


def slope(values: np.ndarray) -> tuple[float, float]:
    """Fits a line and returns its total change and that change's error."""
    x = np.arange(values.size) - (values.size - 1) / 2
    spread = float(x @ x)
    gradient = float(x @ values) / spread
    residual = values - values.mean() - gradient * x
    variance = float(residual @ residual) / max(values.size - 2, 1)
    span = values.size - 1
    return gradient * span, float(np.sqrt(variance / spread)) * span

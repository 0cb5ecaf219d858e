"""Rises that were undone: cycles, and double descent."""

import numpy as np

from kreg.diagnosis import _constants as constants


def recovers(filtered: np.ndarray, level: float, tail: int) -> bool:
    """Looks for an earlier stay above half the present rise that ended."""
    final = float(filtered[-tail:].mean())
    width = max(3, round(constants.RECOVERY_WIDTH * filtered.size))
    width = min(width, 2 * constants.MAX_HALF_WINDOW + 1)
    values = np.convolve(filtered, np.full(width, 1 / width), "valid")
    above = values > (level + final) / 2
    edges = np.flatnonzero(np.diff(above))
    if edges.size < 2:
        return False
    if not above[-1]:
        return True
    lengths = np.diff(edges)
    # Stays above and below alternate, and the present one is above.
    earlier = lengths[-2::-2]
    present = values.size - 1 - edges[-1]
    return bool((earlier >= constants.RECOVERY_SHARE * present).any())


def hump(values: np.ndarray, scale: float) -> float:
    """Finds epoch-wise double descent: down, up for long, and down again."""
    peak = _highest_after_fall(values)
    if peak is None:
        return 0.0
    valley = float(values[:peak].min())
    height = float(values[peak]) - valley
    after = float(values[peak:].min())
    crossings = np.diff(values > valley + height / 2)
    # Down, up, down: the first descent may start below the half height.
    if height < constants.HUMP_FLOOR * scale or crossings.sum() > 3:
        return 0.0
    return (float(values[peak]) - after) / height


def _highest_after_fall(values):
    """Position of the highest rise above the lowest value before it."""
    rises = values - np.minimum.accumulate(values)
    peak = int(np.argmax(rises))
    return peak if rises[peak] > 0 else None

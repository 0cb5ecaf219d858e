"""Whether noise around a flat curve rises as far by chance."""

import math

from kreg.diagnosis import _constants as constants
from kreg.diagnosis._measures import Measures, last_tenth


def is_chance(measures: Measures) -> bool:
    """Says whether nothing about a rise stands out of the noise.

    Three things can: the last loss above the lowest of all, the mean of the
    last tenth above the lowest of as many, and the trend, which needs no
    lowest value. The lowest of n independent values lies about
    `sqrt(2 * log(n))` standard deviations below their mean, and the value it
    is compared with may by chance lie above it.

    Args:
        measures: `Measures`.

    Returns:
        Boolean.
    """
    m, width = measures, last_tenth(measures.count)
    return (
        m.rise < _luck(m.count) * m.noise
        and m.end_rise < _luck(m.count / width) * m.noise / math.sqrt(width)
        and m.trend < constants.CHANCE
    )


def _luck(count):
    return math.sqrt(2 * math.log(count)) + constants.CHANCE

"""FISTA over a whole model: the full-batch finish of `Proximal`."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._structure import walk
from kreg._validation import check_count, check_non_negative


def polish(
    optimizer: Any, model: Any, x: Any, y: Any, steps: int, tolerance: float
) -> float:
    """See `Proximal.polish`."""
    check_count(steps, "steps")
    check_non_negative(tolerance, "tolerance")
    raise NotImplementedError

"""What the commonest penalties of small weights are worth, found by NumPy.

A call of a backend takes some ten microseconds however small the tensor, a
penalty takes several, and a monitor asks for every penalty after each epoch.
With a hundred small layers that was a thirtieth of the epoch.
"""

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from kreg.regularizers import L1, L1L2, L2, ElasticNet

if keras.backend.backend() == "tensorflow":
    from kreg.callbacks._reading_tensorflow import read
elif keras.backend.backend() == "jax":

    def read(variable: Any) -> Any:
        """Returns what a Keras variable holds, in a quarter of the time."""
        return np.asarray(variable.value)
else:
    read = ops.convert_to_numpy

# Elements of the largest weight that is worth its way to the host: beyond, the
# arithmetic and the copy take longer than the calls.
LARGEST = 2**16

# Exactly these: a class derived from one may be worth something else.
_KREG = (L1, L2, L1L2, ElasticNet)
_KERAS = (
    keras.regularizers.L1,
    keras.regularizers.L2,
    keras.regularizers.L1L2,
)


def small_penalties(weights: Iterable[Any]) -> tuple[float, list[Any]]:
    """Returns the sum of the penalties found, and the weights left over.

    Left over are those that are large or not of float32, and those whose
    penalty is another than `a * sum(abs(w)) + b * sum(square(w))` with numbers
    `a` and `b`.

    Args:
        weights: Keras variables with a regularizer each.
    """
    total, rest = 0.0, []
    with np.errstate(all="ignore"):  # of a run that diverged
        for weight in weights:
            factors = None
            if weight.dtype == "float32" and math.prod(weight.shape) <= LARGEST:
                factors = _factors(weight.regularizer)
            if factors is None:
                rest.append(weight)
                continue
            values = read(weight).ravel()
            a, b = map(_number, factors)
            total += a * float(np.abs(values).sum()) if a else 0.0
            total += b * float(np.dot(values, values)) if b else 0.0
    return total, rest


def _factors(regularizer: Any) -> tuple[Any, Any] | None:
    kind = type(regularizer)
    if kind in _KERAS:
        return getattr(regularizer, "l1", 0.0), getattr(regularizer, "l2", 0.0)
    if kind in _KREG and not getattr(regularizer, "factors", None):
        return tuple(
            _factor(getattr(regularizer, name, None)) for name in ("l1", "l2")
        )
    return None


def _factor(strength: Any) -> Any:
    # Without a schedule the variable itself, as `effective` is a copy of it.
    if strength is None or strength.schedule is not None:
        return strength and strength.effective
    return strength.variable


def _number(factor: Any) -> float:
    if factor is None or isinstance(factor, float):
        return factor or 0.0
    is_variable = isinstance(factor, keras.Variable)
    return float(read(factor) if is_variable else ops.convert_to_numpy(factor))

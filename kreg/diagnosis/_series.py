"""Turns what the caller passed into float arrays, or says what is wrong."""

import math
import numbers
from typing import Any

import numpy as np


def as_series(value: Any, name: str, length: int | None = None) -> np.ndarray:
    """Returns `value` as a float array in which NaN stands for missing.

    Args:
        value: Sequence of numbers or `None`s.
        name: String. The argument's name, for the error.
        length: Integer. The length it must have. Defaults to `None`, any.

    Returns:
        Array of float64 of shape `(epochs,)`.

    Raises:
        ValueError: If it is empty, not one-dimensional, holds anything but
            numbers and `None`, or has another length than `length`.
    """
    array = _to_array(value, name)
    if length is not None and array.size != length:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a sequence as "
            f"long as `val_loss` ({length}). Received: {name} of length "
            f"{array.size}"
        )
    return array


def as_epochs(value: Any, length: int) -> list[int]:
    """Returns the epoch numbers as a list of integers, by default 0, 1, ...

    Args:
        value: Strictly increasing sequence of integers >= 0, or `None`.
        length: Integer. How many there must be.

    Returns:
        List of integers.

    Raises:
        ValueError: If they are not `length` strictly increasing integers.
    """
    if value is None:
        return list(range(length))
    array = as_series(value, "epochs", length)
    whole = np.isfinite(array).all() and (array == np.floor(array)).all()
    if not whole or array[0] < 0 or (np.diff(array) <= 0).any():
        raise ValueError(
            "Invalid value for argument `epochs`. Expected strictly "
            "increasing integers >= 0. Received: epochs="
            f"{shorten(value)}"
        )
    return [int(epoch) for epoch in array]


def as_strengths(value: Any) -> dict[str, float] | None:
    """Returns the strengths as floats, or `None` where none are known.

    Args:
        value: Mapping of path to finite number >= 0 (what `float` takes, a
            `kreg.Strength` among it), or `None`.

    Returns:
        Dict of path to float, or `None`.

    Raises:
        ValueError: If it is anything else.
    """
    if value is None:
        return None
    try:
        found = {path: _to_strength(item) for path, item in value.items()}
        if all(isinstance(path, str) for path in found):
            return found
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    raise ValueError(
        "Invalid value for argument `strengths`. Expected a mapping of path "
        f"to finite float >= 0. Received: strengths={shorten(value)}"
    )


def shorten(value: Any, limit: int = 80) -> str:
    """Returns `repr(value)` cut to at most `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _to_array(value, name):
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise _bad_series(value, name) from None
    if array.ndim != 1 or array.size == 0:
        raise _bad_series(value, name)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    if array.dtype.kind != "O":
        raise _bad_series(value, name)
    try:
        return np.array([_to_float(item) for item in array], np.float64)
    except (TypeError, OverflowError):
        raise _bad_series(value, name) from None


def _to_float(item):
    if item is None:
        return np.nan
    if isinstance(item, numbers.Real) and not isinstance(item, bool):
        return float(item)
    raise TypeError(item)


def _to_strength(item):
    number = float(item)
    # Texts and flags are numbers to `float`, too.
    if isinstance(item, (str, bytes, bool)) or not 0 <= number < math.inf:
        raise ValueError(item)
    return number


def _bad_series(value, name):
    return ValueError(
        f"Invalid value for argument `{name}`. Expected a non-empty sequence "
        f"of floats. Received: {name}={shorten(value)}"
    )

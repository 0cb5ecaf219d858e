"""Argument checks: the one place where range errors are worded."""

import math
import numbers
from typing import Any, NoReturn

import keras
import numpy as np

FLOAT32_MAX = float(np.finfo(np.float32).max)


def fail(name: str, expected: str, value: Any, hint: str = "") -> NoReturn:
    """Raises the `ValueError` that every bad argument gets.

    Args:
        name: String. The argument as the caller knows it.
        expected: String. What is accepted, as in "a float in [0, 1]".
        value: The value that was given.
        hint: String. What to do about it; one sentence, or empty.

    Raises:
        ValueError: Always.
    """
    kind = "" if _is_number(value) else f" (of type {type(value).__name__})"
    hint = f". {hint}" if hint else ""
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {name}={value!r}{kind}{hint}"
    )


def check_strength(value: Any, name: str, maximum: float = math.inf) -> float:
    """Returns `value` as a float, or raises if it is no strength.

    Args:
        value: Real number (no boolean) in `[0, maximum]`, finite in float32.
        name: String. The argument as the caller knows it.
        maximum: Float. `1.0` for rates, infinite for penalties.

    Returns:
        Float.

    Raises:
        ValueError: If `value` is not such a number.
    """
    upper = min(maximum, FLOAT32_MAX)
    if not (_is_number(value) and 0 <= value <= upper):  # NaN fails too
        bounded = maximum < math.inf
        fail(
            name,
            f"a float in [0, {maximum:g}]"
            if bounded
            else "a finite non-negative float",
            value,
        )
    return float(value)


def check_positive(value: Any, name: str) -> float:
    """Returns `value` as a float, or raises unless it is finite and > 0."""
    if not (_is_number(value) and 0 < value < math.inf):
        fail(name, "a finite positive float", value)
    return float(value)


def check_non_negative(value: Any, name: str) -> float:
    """Returns `value` as a float, or raises unless it is finite and >= 0."""
    if not (_is_number(value) and 0 <= value < math.inf):
        fail(name, "a finite non-negative float", value)
    return float(value)


def check_count(value: Any, name: str) -> int:
    """Returns `value` as an int, or raises unless it is an integer >= 1."""
    is_integer = _is_number(value) and isinstance(value, numbers.Integral)
    if not (is_integer and value >= 1):
        fail(name, "a positive integer", value)
    return int(value)


def check_whole(value: Any, name: str) -> int:
    """Returns `value` as an int, or raises unless it is an integer >= 0."""
    is_integer = _is_number(value) and isinstance(value, numbers.Integral)
    if not (is_integer and value >= 0):
        fail(name, "a non-negative integer", value)
    return int(value)


def check_data_format(value: Any) -> str:
    """Returns `value`, or the setting of Keras for `None`, or raises."""
    if value is None:
        return str(keras.config.image_data_format())
    if value not in ("channels_last", "channels_first"):
        fail("data_format", '"channels_last" or "channels_first"', value)
    return str(value)


def check_layer(value: Any, name: str) -> None:
    """Raises `TypeError` unless `value` is a Keras 3 layer or model."""
    if isinstance(value, keras.layers.Layer):
        return
    modules = {cls.__module__.split(".")[0] for cls in type(value).__mro__}
    hint = (
        " Objects of `tf_keras` are of Keras 2: build them with `import "
        "keras` (Keras 3) instead."
        if "tf_keras" in modules
        else ""
    )
    raise TypeError(
        f"Invalid value for argument `{name}`. Expected a Keras 3 layer or "
        f"model. Received: {name}={value!r} (of type "
        f"{type(value).__name__}).{hint}"
    )


def check_float_tensor(value: Any, name: str) -> None:
    """Raises `ValueError` unless `value` is a dense tensor of floats."""
    kind = type(value).__name__
    if not hasattr(value, "dtype"):  # a list of tensors, or a dict
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a dense tensor of "
            f"floats. Received: {name} of type {kind}"
        )
    dtype = keras.backend.standardize_dtype(value.dtype)
    if keras.backend.is_float_dtype(dtype) and not _is_ragged_or_sparse(value):
        return
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected a dense tensor of "
        f"floats. Received: {name} of dtype {dtype} (of type {kind})"
    )


def may_be_equal(shape: Any, other: Any) -> bool:
    """Tells whether two shapes agree where both are known."""
    return len(shape) == len(other) and all(
        a is None or b is None or a == b
        for a, b in zip(shape, other, strict=True)
    )


def _is_ragged_or_sparse(value: Any) -> bool:
    flags = ["ragged", "sparse", "is_nested", "is_sparse", "is_sparse_csr"]
    if isinstance(value, keras.KerasTensor) and not _is_input(value):
        flags = ["ragged"]  # Keras takes `2.0 * x` for sparse
    kinds = ("RaggedTensor", "SparseTensor", "IndexedSlices", "BCOO")
    return type(value).__name__ in kinds or any(
        getattr(value, flag, False) is True for flag in flags
    )


def _is_input(value: Any) -> bool:
    """Tells whether a symbolic tensor is what `keras.Input` returned."""
    history = getattr(value, "_keras_history", (None,))
    return isinstance(history[0], keras.layers.InputLayer)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(
        value, (bool, np.bool_)
    )

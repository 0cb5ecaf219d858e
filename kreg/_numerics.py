"""Arithmetic of penalties that stays finite where the textbook's does not."""

import math
from typing import Any

import keras
from keras import ops

_HALF = ("float16", "bfloat16")


def cast_like(value: Any, x: Any) -> Any:
    """Returns `value` as a tensor of the dtype of `x`."""
    return ops.cast(ops.convert_to_tensor(value), x.dtype)


def widened(x: Any) -> Any:
    """Returns half precision as float32, and other tensors as they are.

    A sum of squares overflows float16 at 65,504, a threshold of `1e-3 * 1e-5`
    is 0 in it, and no backend decomposes it.
    """
    is_half = keras.backend.standardize_dtype(x.dtype) in _HALF
    return ops.cast(x, "float32") if is_half else x


def safe_norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Returns the L2 norm, with gradient 0 at 0.

    The derivative of `sqrt` at 0 is infinite, so the plain norm has a NaN
    gradient exactly where sparsity leads.

    Args:
        x: Float tensor.
        axis: Integer, tuple of integers, or `None` for all axes.
        keepdims: Boolean; whether reduced axes stay with length 1.
    """
    squares = ops.sum(ops.square(x), axis=axis, keepdims=keepdims)
    is_zero = squares <= 0
    root = ops.sqrt(ops.where(is_zero, ops.ones_like(squares), squares))
    return ops.where(is_zero, ops.zeros_like(squares), root)


def safe_divide(x: Any, y: Any) -> Any:
    """Returns `x / y` for `y >= 0`, and 0 where `y` is 0."""
    is_zero = y <= 0
    quotient = ops.divide(x, ops.where(is_zero, ops.ones_like(y), y))
    return ops.where(is_zero, ops.zeros_like(quotient), quotient)


def soft_threshold(x: Any, threshold: Any) -> Any:
    """Returns `sign(x) * max(abs(x) - threshold, 0)`.

    Written so that what vanishes is 0.0 and not -0.0.
    """
    return ops.subtract(x, ops.clip(x, ops.negative(threshold), threshold))


def at_least(x: Any, bound: float) -> Any:
    """Returns `max(x, bound)` in the dtype of `x`.

    Of float64 tensors on Torch, Keras's `maximum` and `minimum` are float32.
    """
    return ops.clip(x, bound, math.inf)


def as_matrix(x: Any) -> Any:
    """Returns a weight of any rank as a matrix with its last axis as columns.

    A convolution kernel `(height, width, inputs, filters)` becomes
    `(height * width * inputs, filters)`: each filter a column.
    """
    columns = x.shape[-1] if len(x.shape) > 1 else 1
    return ops.reshape(x, (-1, columns))


def svd(x: Any) -> tuple[Any, Any, Any]:
    """Returns `(u, s, vt)` of a matrix, as constants to differentiation.

    The gradient through a singular value decomposition is NaN where singular
    values coincide; what is needed of it follows from `u` and `vt` directly.
    """
    u, s, vt = ops.svd(ops.stop_gradient(x), full_matrices=False)
    return u, s, vt

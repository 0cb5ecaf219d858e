"""The proximal operator of a sum of group norms, in any diagonal metric."""

from typing import Any

from keras import ops

from kreg._numerics import cast_like, safe_divide, safe_norm

# Newton's method on the secular equation below; in float32 it stands still
# after four iterations, whatever the spread of the step sizes (measured up to
# a factor of 1e16).
_ITERATIONS = 6
_FLOOR = 1e-9  # of a radius relative to the group's norm


def prox_of_groups(w: Any, step: Any, strength: Any, axes: Any) -> Any:
    """Minimizes `strength * norm(u) + sum((u - w)**2 / (2 * step))` by groups.

    With one step size for all, it is `w * max(1 - strength * step / norm(w),
    0)`. With a step size for each weight the solution is

        u = w * r / (r + strength * step)

    with `r > 0` the root of `sum((w / (r + strength * step))**2) = 1`, or 0
    where there is none, that is, where `norm(w / step) <= strength`.

    Args:
        w: Float tensor.
        step: Scalar tensor, or tensor of the shape of `w`; all >= 0.
        strength: Scalar tensor >= 0.
        axes: Tuple of the axes along which a group extends.

    Returns:
        Tensor of the shape and dtype of `w`.
    """
    norm = safe_norm(w, axes, keepdims=True)
    threshold = ops.multiply(cast_like(strength, w), step)
    if len(step.shape) == 0:
        shrunk = ops.subtract(1.0, safe_divide(threshold, norm))
        return ops.multiply(w, ops.maximum(shrunk, 0.0))
    # Relative to the norm, so that no square overflows.
    size = ops.where(norm > 0, norm, ops.ones_like(norm))
    x, t = ops.divide(w, size), ops.divide(threshold, size)
    alive = _sum_of_squares(x, t, axes) > 1.0
    radius = _root(x, t, axes)
    kept = ops.divide(radius, ops.maximum(ops.add(radius, t), _FLOOR))
    return ops.where(alive, ops.multiply(w, kept), ops.zeros_like(w))


def _root(x: Any, t: Any, axes: Any) -> Any:
    """Root of `sum((x / (r + t))**2) = 1`, from the left.

    `sum(...)**-0.5` is concave and nearly linear in `r`, so Newton's method
    on it rises to the root and stays below it.
    """
    largest = ops.max(t, axis=axes, keepdims=True)
    single = ops.max(ops.subtract(ops.abs(x), t), axis=axes, keepdims=True)
    radius = ops.maximum(ops.subtract(1.0, largest), single)
    radius = ops.maximum(radius, 0.0)
    for _ in range(_ITERATIONS):
        shifted = ops.maximum(ops.add(radius, t), _FLOOR)
        squares = ops.square(ops.divide(x, shifted))
        total = ops.sum(squares, axis=axes, keepdims=True)
        slope = ops.sum(ops.divide(squares, shifted), axis=axes, keepdims=True)
        rise = ops.multiply(total, ops.subtract(ops.sqrt(total), 1.0))
        radius = ops.add(radius, ops.maximum(safe_divide(rise, slope), 0.0))
    return radius


def _sum_of_squares(x: Any, t: Any, axes: Any) -> Any:
    ratio = ops.divide(x, ops.maximum(t, _FLOOR))
    return ops.sum(ops.square(ratio), axis=axes, keepdims=True)

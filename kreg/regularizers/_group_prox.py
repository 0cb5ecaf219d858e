"""The proximal operator of a sum of group norms, in any diagonal metric."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kreg._numerics import cast_like, safe_divide, safe_norm

_FLOOR = 1e-9  # of a threshold relative to the group's norm
# Each step squares the error, so that one as small as the root of the dtype's
# precision, relative to the radius, has arrived.
_SETTLED = {"float64": 2.0**-26, "float32": 2.0**-12}
_MOST_STEPS = 30  # 2 are usual; 10 with step sizes that differ by 1e16


def prox_of_groups(w: Any, step: Any, strength: Any, axes: Any) -> Any:
    """Minimizes `strength * norm(u) + sum((u - w)**2) / (2 * step)` by groups.

    The solution is `w * max(1 - strength * step / norm(w), 0)`.

    Args:
        w: Float tensor.
        step: Scalar tensor >= 0.
        strength: Scalar tensor >= 0.
        axes: Tuple of the axes along which a group extends.

    Returns:
        Tensor of the shape and dtype of `w`.
    """
    threshold = ops.multiply(cast_like(strength, w), step)
    norm = safe_norm(w, axes, keepdims=True)
    left = ops.maximum(ops.subtract(norm, threshold), 0.0)
    return ops.multiply(w, safe_divide(left, norm))


def proxes_of_groups(
    weights: Sequence[Any],
    steps: Sequence[Any],
    strengths: Sequence[Any],
    axes: Sequence[tuple[int, ...]],
) -> list[Any]:
    """Does the same with a step size for each weight, for several tensors.

    The solution, which minimizes `strength * norm(u) + sum((u - w)**2 / (2 *
    step))` in each group, is

        u = w * r / (r + strength * step)

    with `r > 0` the root of `sum((w / (r + strength * step))**2) = 1`, or 0
    where there is none, that is, where `norm(w / step) <= strength`. All
    tensors share one search for the roots: a loop costs as much as the step
    of a whole layer.

    Args:
        weights: Float tensors.
        steps: Tensors of the same shapes; all >= 0.
        strengths: Scalar tensors >= 0.
        axes: Of each tensor, the axes along which a group extends.

    Returns:
        List of tensors of the shapes and dtypes of `weights`.
    """
    searches = [
        _Search(*each)
        for each in zip(weights, steps, strengths, axes, strict=True)
    ]

    def advance(radii: Sequence[Any]) -> tuple[Any, ...]:
        pairs = zip(searches, radii, strict=True)
        return tuple(search.advance(radius) for search, radius in pairs)

    def is_unsettled(radii: Sequence[Any], old: Sequence[Any]) -> Any:
        pairs = zip(searches, radii, old, strict=True)
        return ops.any(
            ops.concatenate(
                [ops.reshape(s.is_unsettled(r, o), (-1,)) for s, r, o in pairs]
            )
        )

    start = tuple(search.start for search in searches)
    radii, _ = ops.while_loop(
        is_unsettled,
        lambda radii, old: (advance(radii), radii),
        (advance(start), start),
        maximum_iterations=_MOST_STEPS,
    )
    pairs = zip(searches, radii, strict=True)
    return [search.solution(radius) for search, radius in pairs]


class _Search:
    """Finds the roots `r` of the groups of one tensor, from the left.

    `sum(...)**-0.5` is concave and nearly linear in `r`, so Newton's method
    on it rises to the root and stays below it. It starts from a bound: the
    sum is convex in `strength * step`, so with `x` and `t` the weights and
    thresholds relative to the norm, `r >= 1 - sum(x**2 * t)`.
    """

    def __init__(self, w: Any, step: Any, strength: Any, axes: Any):
        norm = safe_norm(w, axes, keepdims=True)
        # Relative to the norm, so that no square overflows.
        size = ops.where(norm > 0, norm, ops.ones_like(norm))
        relative = ops.divide(cast_like(strength, w), size)
        self.w, self.axes = w, axes
        self.squares = ops.square(ops.divide(w, size))
        self.thresholds = ops.maximum(ops.multiply(step, relative), _FLOOR)
        mean = self._sum(ops.multiply(self.squares, self.thresholds))
        start = ops.maximum(ops.subtract(1.0, mean), 0.0)
        # A norm that is zero, of weights whose squares underflow too, is dead.
        self.start = ops.where(norm > 0, start, ops.zeros_like(norm))
        self.tolerance = _SETTLED[keras.backend.standardize_dtype(w.dtype)]

    def advance(self, radius: Any) -> Any:
        inverse = ops.reciprocal(ops.add(radius, self.thresholds))
        parts = ops.multiply(self.squares, ops.square(inverse))
        total, slope = self._sum(parts), self._sum(parts * inverse)
        rise = ops.multiply(total, ops.subtract(ops.sqrt(total), 1.0))
        return ops.maximum(ops.add(radius, safe_divide(rise, slope)), 0.0)

    def is_unsettled(self, radius: Any, old: Any) -> Any:
        return ops.subtract(radius, old) > self.tolerance * radius

    def solution(self, radius: Any) -> Any:
        kept = ops.divide(radius, ops.add(radius, self.thresholds))
        zeros = ops.zeros_like(self.w)
        return ops.where(radius > 0, ops.multiply(self.w, kept), zeros)

    def _sum(self, x: Any) -> Any:
        return ops.sum(x, axis=self.axes, keepdims=True)

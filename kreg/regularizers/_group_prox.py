"""The proximal operator of a sum of group norms, in any diagonal metric."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kreg._numerics import at_least, cast_like, safe_divide, safe_norm

_FLOOR = 1e-9  # of a radius relative to the group's norm: below it, dead
_TINY = 1e-30  # of a radius: no group is divided by zero
# What rounding leaves of a residual anyway, times the loss of precision in it.
_SETTLED = {"float64": 2.0**-48, "float32": 2.0**-21}
_MOST_STEPS = 40  # 0 to 2 are usual; 16 with step sizes that differ by 1e16
_State = tuple[Any, Any, Any, Any]


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
    left = at_least(ops.subtract(norm, threshold), 0.0)
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

    def advance(states: Sequence[_State]) -> tuple[_State, ...]:
        pairs = zip(searches, states, strict=True)
        return tuple(search.advance(*state) for search, state in pairs)

    def is_unsettled(*states: _State) -> Any:
        pairs = zip(searches, states, strict=True)
        return ops.any(
            ops.concatenate(
                [
                    ops.reshape(s.is_unsettled(state), (-1,))
                    for s, state in pairs
                ]
            )
        )

    states = ops.while_loop(
        is_unsettled,
        lambda *states: advance(states),
        advance([search.start() for search in searches]),
        maximum_iterations=_MOST_STEPS,
    )
    pairs = zip(searches, states, strict=True)
    return [search.solution(radius) for search, (radius, *_) in pairs]


class _Search:
    """Finds the roots `r` of the groups of one tensor, by the secant method.

    With `x`, `t` and `r` the weights, the thresholds `strength * step` and
    the radius relative to the group's norm, the root is that of `g(r) = 1` with

        g(r) = norm(x / (r + t))**-1

    which is concave and whose slope is 1 or more. So the root lies at most
    `g(1) - 1` left of 1, and hardly less unless the thresholds differ much; a
    radius `r` is off by at most `abs(g(r) - 1)`, and what the secant method
    makes of it by `1 - 1 / slope` times that, unless both its points lie right
    of the root. Only values of `g` are needed, each one pass over the weights.
    """

    def __init__(self, w: Any, step: Any, strength: Any, axes: Any):
        self.w, self.axes = w, axes
        self.thresholds = ops.multiply(step, cast_like(strength, w))
        self.norm = safe_norm(w, axes, keepdims=True)
        self.tolerance = _SETTLED[keras.backend.standardize_dtype(w.dtype)]

    def start(self) -> _State:
        """The state of which the first radius is a bound of second order."""
        ones = ops.ones_like(self.norm)
        value = self._value(ones)
        return at_least(2.0 - value, _FLOOR), ones, value, value

    def advance(
        self, radius: Any, older: Any, older_value: Any, error: Any
    ) -> _State:
        """Returns the next radius, this one, `g` there, and a bound.

        That is of the error of the weights at the next radius, relative to
        the group's norm: the radius's, times the mean of `t / (r + t)`.
        """
        value = self._value(radius)
        apart = ops.subtract(older, radius)
        apart = ops.where(ops.equal(apart, 0.0), 1.0, apart)
        slope = at_least((older_value - value) / apart, 1.0)
        # Concave, it is at least as steep here as on the way to the right;
        # how steep it is left of both points, nothing tells.
        is_left = older > radius
        share = 1.0 - radius * ops.where(is_left, slope, 1.0) / value
        rest = ops.where(is_left & (value > 1.0), 1.0, 1.0 - 1.0 / slope)
        error = ops.abs(1.0 - value) * rest
        error = error * ops.sqrt(ops.clip(share, 0.0, 1.0))
        is_dead = (radius <= _FLOOR) & (value >= 1.0)
        error = ops.where(is_dead, 0.0, error)
        following = radius + (1.0 - value) / slope
        return at_least(following, _FLOOR), radius, value, error

    def is_unsettled(self, state: _State) -> Any:
        return state[-1] > self.tolerance

    def solution(self, radius: Any) -> Any:
        # A norm that is zero, of weights whose squares underflow too, is dead.
        is_live = (radius > _FLOOR) & (self.norm > 0)
        kept = ops.where(is_live, self.norm * radius, 0.0)
        return ops.multiply(self._divided(radius), kept)

    def _value(self, radius: Any) -> Any:
        norm = safe_norm(self._divided(radius), self.axes, keepdims=True)
        return ops.reciprocal(at_least(norm, 1e-15))

    def _divided(self, radius: Any) -> Any:
        radius = at_least(self.norm * radius, _TINY)
        return ops.divide(self.w, ops.add(radius, self.thresholds))

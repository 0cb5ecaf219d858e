"""`Grouped`: penalties on groups of weights, slices along one axis."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from kreg._numerics import cast_like, safe_norm, widened
from kreg._validation import check_count, fail
from kreg.regularizers._alike import alike
from kreg.regularizers._group_prox import prox_of_groups, proxes_of_groups
from kreg.regularizers._penalty import Penalty


class Grouped(Penalty):
    """Base of penalties with a sum of the L2 norms of groups.

    Args:
        group_axis: Integer. Axis that indexes the groups.
        group_size: Integer >= 1. Consecutive indices in one group.
        scale: Boolean; whether a norm counts times the square root of the
            number of weights in its group.
    """

    prox_steps = "array"

    def __init__(
        self, group_axis: int = 0, group_size: int = 1, scale: bool = True
    ):
        super().__init__()
        if not isinstance(group_axis, int) or isinstance(group_axis, bool):
            fail("group_axis", "an integer", group_axis)
        if not isinstance(scale, bool):
            fail("scale", "a boolean", scale)
        self.group_axis = group_axis
        self.group_size = check_count(group_size, "group_size")
        self.scale = scale

    def sum_of_norms(self, x: Any) -> Any:
        """Returns the sum over groups of the L2 norm, scaled if asked for."""
        split, axes = self._split(x)
        factor = self._factor(split.shape, axes)
        return ops.multiply(factor, ops.sum(safe_norm(split, axes)))

    def proxes_of_norms(
        self, weights: Sequence[Any], steps: Sequence[Any], strength: Any
    ) -> list[Any]:
        """Returns the proximal operator of `strength * sum_of_norms`.

        Args:
            weights: Float tensors.
            steps: Scalar tensors, or tensors of the same shapes.
            strength: Scalar tensor >= 0.
        """
        are_scalar = all(len(step.shape) == 0 for step in steps)
        together = alike(weights)
        parts, sizes, strengths, axes = [], [], [], []
        for same in together:
            split, across = zip(
                *(self._split(weights[i]) for i in same), strict=True
            )
            part = ops.stack(split)
            parts.append(part)
            axes.append(tuple(axis + 1 for axis in across[0]))
            own = [steps[i] for i in same]
            if are_scalar:
                shape = (len(same), *[1] * (len(part.shape) - 1))
            else:
                own = [_spread(s, weights[same[0]].shape) for s in own]
                shape = part.shape
            sizes.append(ops.reshape(ops.stack(own), shape))
            factor = self._factor(part.shape, axes[-1])
            strengths.append(ops.multiply(cast_like(strength, part), factor))
        if are_scalar:
            found = list(map(prox_of_groups, parts, sizes, strengths, axes))
        else:
            found = proxes_of_groups(parts, sizes, strengths, axes)
        results: dict[int, Any] = {}
        for same, u in zip(together, found, strict=True):
            results.update(zip(same, ops.unstack(u, len(same)), strict=True))
        return [ops.reshape(results[i], w.shape) for i, w in enumerate(weights)]

    def proxes(self, weights: Any, step_sizes: Any) -> list[Any]:
        """Returns `prox` of each weight, in one search for all roots."""
        given = [ops.convert_to_tensor(w) for w in weights]
        found = self.wide_proxes(*as_tensors(given, step_sizes))
        return [cast_like(u, w) for u, w in zip(found, given, strict=True)]

    def wide_proxes(self, weights: Any, steps: Any) -> list[Any]:
        """Returns `proxes` of tensors of float32 or wider."""
        raise NotImplementedError(
            f"Penalty '{type(self).__name__}' must override "
            "`wide_proxes(self, weights, steps)`."
        )

    def prox(self, w: Any, step_size: Any) -> Any:
        """Returns the `u` that minimizes the penalty near `w`.

        Args:
            w: Float tensor.
            step_size: Float or scalar tensor > 0, or a tensor of the shape of
                `w`: a step size for each weight. For the latter a
                one-dimensional root is found for each group.

        Returns:
            Tensor of the shape and dtype of `w`.
        """
        return self.proxes([w], [step_size])[0]

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` if the groups do not fit weights of `shape`."""
        rank = len(shape)
        if not -rank <= self.group_axis < rank:
            fail(
                "group_axis",
                f"an axis of the penalized weight of shape {tuple(shape)}",
                self.group_axis,
            )
        length = shape[self.group_axis]
        if length is not None and length % self.group_size:
            fail(
                "group_size",
                f"a divisor of {length}, the length of axis "
                f"{self.group_axis} of the penalized weight of shape "
                f"{tuple(shape)}",
                self.group_size,
            )

    def _split(self, x: Any) -> tuple[Any, tuple[int, ...]]:
        """`x` with the group axis split in two, and the axes of a group."""
        shape = tuple(x.shape)
        self.check_shape(shape)
        axis = self.group_axis % len(shape)
        if self.group_size > 1:
            split = (-1, self.group_size)
            x = ops.reshape(x, (*shape[:axis], *split, *shape[axis + 1 :]))
        return x, tuple(i for i in range(len(x.shape)) if i != axis)

    def _factor(self, shape: Any, axes: tuple[int, ...]) -> float:
        return math.sqrt(math.prod(shape[i] for i in axes)) if self.scale else 1

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments that all such penalties have."""
        return {
            "group_axis": self.group_axis,
            "group_size": self.group_size,
            "scale": self.scale,
        }


def as_tensors(weights: Any, step_sizes: Any) -> tuple[list[Any], list[Any]]:
    """Returns both as tensors, in float32 or wider.

    A step size that is no scalar is spread out.
    """
    tensors = [widened(ops.convert_to_tensor(w)) for w in weights]
    steps = []
    for w, step in zip(tensors, step_sizes, strict=True):
        step = cast_like(step, w)
        steps.append(step if len(step.shape) == 0 else _spread(step, w.shape))
    return tensors, steps


def _spread(step: Any, shape: Any) -> Any:
    """`step` in `shape`; without an operation if it has that."""
    shape = tuple(shape)
    return step if tuple(step.shape) == shape else ops.broadcast_to(step, shape)

"""`Separable`: penalties that act on each weight by itself."""

from typing import Any

import keras
from keras import ops

from kreg._numerics import cast_like, soft_threshold, widened
from kreg.regularizers._penalty import Penalty

if keras.backend.backend() == "tensorflow":
    from kreg.regularizers._squares_tensorflow import sum_of_squares
else:

    def sum_of_squares(x: Any) -> Any:
        """Returns `sum(square(x))`."""
        return ops.sum(ops.square(x))


class Separable(Penalty):
    """Base of penalties of the form `sum(a * abs(x) + b * square(x))`.

    Subclasses implement `parts`; value and proximal operator follow.
    """

    prox_steps = "array"

    def parts(self, x: Any) -> tuple[Any, Any]:
        """Returns `(a, b)` at `x`: tensors that broadcast to it, or `None`."""
        raise NotImplementedError(
            f"Penalty '{type(self).__name__}' must override `parts(self, x)`."
        )

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        a, b = self.parts(x)
        terms = []
        if a is not None:
            terms.append(_weighted_sum(a, ops.abs(x)))
        if b is not None and len(b.shape) == 0:
            terms.append(ops.multiply(b, sum_of_squares(x)))
        elif b is not None:
            terms.append(_weighted_sum(b, ops.square(x)))
        return terms[0] if len(terms) == 1 else ops.add(*terms)

    def prox(self, w: Any, step_size: Any) -> Any:
        """Returns the `u` that minimizes the penalty near `w`.

        In closed form, for each weight:

            soft_threshold(w, a * step_size) / (1 + 2 * b * step_size)

        Args:
            w: Float tensor.
            step_size: Float or scalar tensor > 0, or a tensor of the shape
                of `w`: a step size for each weight.

        Returns:
            Tensor of the shape and dtype of `w`.
        """
        given = ops.convert_to_tensor(w)
        w = widened(given)
        step = cast_like(step_size, w)
        a, b = self.parts(w)
        if a is not None:
            w = soft_threshold(w, ops.multiply(step, cast_like(a, w)))
        if b is not None:
            b = cast_like(b, w)
            w = ops.divide(w, ops.add(1.0, ops.multiply(2.0 * step, b)))
        return cast_like(w, given)


def _weighted_sum(weights: Any, values: Any) -> Any:
    if len(weights.shape) == 0:
        return ops.multiply(weights, ops.sum(values))
    return ops.sum(ops.multiply(weights, values))

"""Orthogonal: rows or columns of a weight that do not repeat one another."""

from typing import Any

from keras import ops

from kreg._numerics import as_matrix, safe_divide, safe_norm
from kreg._registration import register
from kreg._validation import fail
from kreg.regularizers._penalty import Penalty
from kreg.strength import Strength


@register
class Orthogonal(Penalty):
    """Penalizes the cosine between the rows, or the columns, of a weight.

    The penalty is

        strength * mean over pairs i < j of abs(cos(x_i, x_j))

    with `x_i` the rows or the columns: 0 if all are orthogonal, `strength` if
    all are parallel. Like `keras.regularizers.OrthogonalRegularizer`, but a
    weight of other rank than 2 is unfolded: a convolution's kernel `(height,
    width, inputs, filters)` to `(height * width * inputs, filters)`, where
    Keras raises; and its gradient is finite at zero rows. It has no proximal
    operator.

    Args:
        strength: Float >= 0. The strength, in the unit of the loss. Defaults
            to `0.01`. Becomes a `kreg.Strength`.
        mode: `"rows"` or `"columns"`; a unit or filter is a column. Defaults
            to `"rows"`, as in Keras.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `strength` is negative, not finite or not a number, or
            `mode` is another word.

    Example:

    >>> penalty = kreg.regularizers.Orthogonal(0.5)
    >>> parallel = np.array([[1.0, 1.0], [2.0, 2.0]], "float32")
    >>> round(float(penalty(parallel)), 4)
    0.5
    >>> float(penalty(np.eye(2, dtype="float32")))
    0.0

    References:

    - [Rodriguez et al., 2017](https://arxiv.org/abs/1611.01967)
    - [Bansal et al., 2018](https://arxiv.org/abs/1810.09102)
    """

    def __init__(self, strength: float = 0.01, mode: str = "rows"):
        super().__init__()
        if mode not in ("rows", "columns"):
            fail("mode", '"rows" or "columns"', mode)
        self.strength = Strength(self, "strength", strength)
        self.mode = mode

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        vectors = as_matrix(x)
        if self.mode == "columns":
            vectors = ops.transpose(vectors)
        vectors = safe_divide(vectors, safe_norm(vectors, 1, keepdims=True))
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        count = cosines.shape[0]
        others = 1.0 - ops.eye(count, dtype=cosines.dtype)
        pairs = max(count * (count - 1), 1)  # each pair stands there twice
        mean = ops.sum(ops.abs(ops.multiply(cosines, others))) / pairs
        return ops.multiply(self.strength.effective, mean)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"strength": self.strength.last_known, "mode": self.mode}

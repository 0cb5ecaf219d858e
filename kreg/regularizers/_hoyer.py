"""Hoyer: sparsity that does not depend on the scale of the weights."""

from typing import Any

from keras import ops

from kreg._numerics import safe_divide, safe_norm
from kreg._registration import register
from kreg.regularizers._penalty import Penalty
from kreg.strength import Strength


@register
class Hoyer(Penalty):
    """Penalizes the ratio of the L1 to the L2 norm.

    The penalty is

        strength * sum(abs(x)) / norm(x)

    a number between `strength` (one weight is not 0) and `strength * sqrt(n)`
    (all `n` are of one size); 0 if all are 0. It does not change when `x` is
    scaled, so it makes weights sparse without making them small. Its gradient
    grows as `1 / norm(x)` and is 0 at 0. It is not convex and has no proximal
    operator.

    Args:
        strength: Float >= 0. The strength, in the unit of the loss. Defaults
            to `0.01`. Becomes a `kreg.Strength`.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `strength` is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.Hoyer(0.5)
    >>> round(float(penalty(np.array([3.0, -4.0], "float32"))), 4)  # 7 / 5
    0.7
    >>> float(penalty(np.array([0.0, 7.0], "float32")))
    0.5

    References:

    - [Hoyer, 2004](https://jmlr.org/papers/v5/hoyer04a.html)
    - [Yang, Wen & Li, 2020](https://arxiv.org/abs/1908.09979)
    """

    def __init__(self, strength: float = 0.01):
        super().__init__()
        self.strength = Strength(self, "strength", strength)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        # The ratio does not depend on the scale; the squares of 1e-30 do.
        x = safe_divide(x, ops.stop_gradient(ops.max(ops.abs(x))))
        ratio = safe_divide(ops.sum(ops.abs(x)), safe_norm(x))
        return ops.multiply(self.strength.effective, ratio)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"strength": self.strength.last_known}

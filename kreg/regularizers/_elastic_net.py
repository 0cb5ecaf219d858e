"""L1 and L2 together: the elastic net, by Keras's name and by its own."""

from typing import Any

from kreg._registration import register
from kreg.regularizers._separable import Separable
from kreg.strength import Strength


@register
class L1L2(Separable):
    """Penalizes absolute values and squares (the elastic net).

    Drop-in for `keras.regularizers.L1L2`. The penalty is

        l1 * sum(abs(x)) + l2 * sum(square(x))

    Args:
        l1: Float >= 0. Strength of the first term, in the unit of the loss
            per unit of weight. Defaults to `0.0`; `None` is `0.0`, as in
            Keras. Becomes a `kreg.Strength`.
        l2: Float >= 0. Strength of the second term, likewise, per unit of
            weight squared.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If a strength is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.L1L2(l1=0.5, l2=0.5)
    >>> float(penalty(np.array([[1.0, -3.0]], "float32")))
    7.0

    References:

    - [Zou & Hastie, 2005](https://doi.org/10.1111/j.1467-9868.2005.00503.x)
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        super().__init__()
        self.l1 = Strength(self, "l1", 0.0 if l1 is None else l1)
        self.l2 = Strength(self, "l2", 0.0 if l2 is None else l2)

    def parts(self, x: Any) -> tuple[Any, Any]:
        """Returns the factors of `abs(x)` and of `square(x)`."""
        return self.l1.effective, self.l2.effective

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        return {"l1": self.l1.last_known, "l2": self.l2.last_known}


@register
class ElasticNet(L1L2):
    """Penalizes absolute values and squares: the elastic net by its name.

    The penalty is

        l1 * sum(abs(x)) + l2 * sum(square(x))

    Applied by `kreg.optimizers.Proximal` it drops inputs as the lasso does,
    and shares the weight among correlated ones as ridge does. In terms of
    scikit-learn's `ElasticNet(alpha, l1_ratio)`, with Keras's `mse` as loss:
    `l1 = 2 * alpha * l1_ratio` and `l2 = alpha * (1 - l1_ratio)`.

    Args:
        l1: Float >= 0. Strength of the first term, in the unit of the loss
            per unit of weight. Defaults to `0.01`. Becomes a `kreg.Strength`.
        l2: Float >= 0. Strength of the second term, in the unit of the loss
            per unit of weight squared, likewise.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If a strength is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.ElasticNet(l1=0.5, l2=0.5)
    >>> u = penalty.prox(np.array([[0.3, -3.0]], "float32"), step_size=1.0)
    >>> [float(v) for v in u[0]]
    [0.0, -1.25]

    References:

    - [Zou & Hastie, 2005](https://doi.org/10.1111/j.1467-9868.2005.00503.x)
    """

    def __init__(self, l1: float = 0.01, l2: float = 0.01):
        super().__init__(l1, l2)

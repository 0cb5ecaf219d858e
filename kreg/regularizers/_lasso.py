"""L1: the lasso, plain or adaptive."""

from typing import Any

from kreg._registration import register
from kreg.regularizers._separable import Separable
from kreg.regularizers._weights import Weights
from kreg.strength import Strength


@register
class L1(Separable):
    """Penalizes the sum of absolute values (the lasso).

    Drop-in for `keras.regularizers.L1`. The penalty is

        l1 * sum(weights * abs(x)),    weights = 1 by default

    In the loss it makes weights small but never exactly zero, for no gradient
    step does; Keras adds it to `val_loss` too. Its gradient at 0 is 0. Applied
    by `kreg.optimizers.Proximal` it makes exact zeros.

    With `weights` it is the adaptive lasso: weights that matter less are
    penalized more. The usual choice is `1 / abs(w)` of a fit without penalty.

    Args:
        l1: Float >= 0. The strength, in the unit of the loss per unit of
            weight. Defaults to `0.01`. Becomes a `kreg.Strength`.
        weights: Optional factors >= 0, an array that broadcasts to the weight
            penalized, or a function of it that returns one and is called at
            every step, as in `lambda w: 1 / (ops.abs(w) + 0.1)`. A function
            must be registered with Keras for the model to be saved. Defaults
            to `None`, all ones.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `l1` is negative, not finite or not a number, or if
            `weights` are no such numbers or do not fit the weight.

    Example:

    >>> penalty = kreg.regularizers.L1(0.5)
    >>> float(penalty(np.array([[1.0, -3.0]], "float32")))
    2.0
    >>> u = penalty.prox(np.array([[0.3, -3.0]], "float32"), step_size=1.0)
    >>> [float(v) for v in u[0]]  # each is 0.5 nearer to 0
    [0.0, -2.5]
    >>> adaptive = kreg.regularizers.L1(0.5, weights=[10.0, 0.1])
    >>> round(float(adaptive(np.array([[1.0, -3.0]], "float32"))), 4)
    5.15

    References:

    - [Tibshirani, 1996](https://doi.org/10.1111/j.2517-6161.1996.tb02080.x)
    - [Zou, 2006](https://doi.org/10.1198/016214506000000735) (adaptive)
    """

    def __init__(self, l1: float = 0.01, weights: Any = None):
        super().__init__()
        self.l1 = Strength(self, "l1", l1)
        self.factors = Weights(weights)

    def parts(self, x: Any) -> tuple[Any, Any]:
        """Returns the factors of `abs(x)`, and `None`."""
        return self.factors.times(self.l1.effective, x), None

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` if `weights` do not fit `shape`."""
        self.factors.check_shape(shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"l1": self.l1.last_known, **self.factors.config()}

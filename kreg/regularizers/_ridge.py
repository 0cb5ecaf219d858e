"""L2: ridge, plain or adaptive."""

from typing import Any

from kreg._registration import register
from kreg.regularizers._separable import Separable
from kreg.regularizers._weights import Weights
from kreg.strength import Strength


@register
class L2(Separable):
    """Penalizes the sum of squares (ridge).

    Drop-in for `keras.regularizers.L2`. The penalty is

        l2 * sum(weights * square(x)),    weights = 1 by default

    Weights decay towards zero without reaching it, and correlated inputs
    share the weight. In the loss, Keras adds it to `val_loss` too.

    Args:
        l2: Float >= 0. The strength, in the unit of the loss per unit of
            weight squared. Defaults to `0.01`. Becomes a `kreg.Strength`.
        weights: Optional factors >= 0, an array that broadcasts to the weight
            penalized, or a function of it that returns one and is called at
            every step. A function must be registered with Keras for the model
            to be saved. Defaults to `None`, all ones.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `l2` is negative, not finite or not a number, or if
            `weights` are no such numbers or do not fit the weight.

    Example:

    >>> penalty = kreg.regularizers.L2(0.5)
    >>> float(penalty(np.array([[1.0, -3.0]], "float32")))
    5.0
    >>> u = penalty.prox(np.array([[1.0, -3.0]], "float32"), step_size=1.0)
    >>> [float(v) for v in u[0]]  # divided by 1 + 2 * 0.5
    [0.5, -1.5]
    >>> layer = keras.layers.Dense(8, kernel_regularizer=penalty)

    References:

    - [Hoerl & Kennard, 1970](https://doi.org/10.1080/00401706.1970.10488634)
    """

    def __init__(self, l2: float = 0.01, weights: Any = None):
        super().__init__()
        self.l2 = Strength(self, "l2", l2)
        self.factors = Weights(weights)

    def parts(self, x: Any) -> tuple[Any, Any]:
        """Returns `None`, and the factors of `square(x)`."""
        return None, self.factors.times(self.l2.effective, x)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` if `weights` do not fit `shape`."""
        self.factors.check_shape(shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"l2": self.l2.last_known, **self.factors.config()}

"""L1, L2 and their sum: drop-in for Keras's, with strengths that are state."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg.regularizers._penalty import Penalty
from kreg.strength import Strength


@register
class L1(Penalty):
    """Penalizes the sum of absolute values (the lasso).

    Drop-in for `keras.regularizers.L1`. The penalty is

        l1 * sum(abs(x))

    It acts in training, and Keras adds it to `val_loss` too. Its gradient at
    0 is 0. As a penalty in the loss it makes weights small but never exactly
    zero, for no gradient step does.

    Args:
        l1: Float >= 0. The strength, in the unit of the loss per unit of
            weight. Defaults to `0.01`. Becomes a `kreg.Strength`.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `l1` is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.L1(0.5)
    >>> float(penalty(np.array([[1.0, -3.0]], "float32")))
    2.0
    >>> layer = keras.layers.Dense(8, kernel_regularizer=penalty)

    References:

    - [Tibshirani, 1996](https://doi.org/10.1111/j.2517-6161.1996.tb02080.x)
    """

    def __init__(self, l1: float = 0.01):
        super().__init__()
        self.l1 = Strength(self, "l1", l1)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        return ops.multiply(self.l1.effective, ops.sum(ops.abs(x)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"l1": self.l1.last_known}


@register
class L2(Penalty):
    """Penalizes the sum of squares (ridge).

    Drop-in for `keras.regularizers.L2`. The penalty is

        l2 * sum(square(x))

    It acts in training, and Keras adds it to `val_loss` too. Weights decay
    towards zero without reaching it, and correlated inputs share the weight.

    Args:
        l2: Float >= 0. The strength, in the unit of the loss per unit of
            weight squared. Defaults to `0.01`. Becomes a `kreg.Strength`.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `l2` is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.L2(0.5)
    >>> float(penalty(np.array([[1.0, -3.0]], "float32")))
    5.0
    >>> layer = keras.layers.Dense(8, kernel_regularizer=penalty)

    References:

    - [Hoerl & Kennard, 1970](https://doi.org/10.1080/00401706.1970.10488634)
    """

    def __init__(self, l2: float = 0.01):
        super().__init__()
        self.l2 = Strength(self, "l2", l2)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        return ops.multiply(self.l2.effective, ops.sum(ops.square(x)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"l2": self.l2.last_known}


@register
class L1L2(Penalty):
    """Penalizes absolute values and squares (the elastic net).

    Drop-in for `keras.regularizers.L1L2`. The penalty is

        l1 * sum(abs(x)) + l2 * sum(square(x))

    Args:
        l1: Float >= 0. Strength of the first term. Defaults to `0.0`; `None`
            is `0.0`, as in Keras. Becomes a `kreg.Strength`.
        l2: Float >= 0. Strength of the second term, likewise.

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

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        return ops.add(
            ops.multiply(self.l1.effective, ops.sum(ops.abs(x))),
            ops.multiply(self.l2.effective, ops.sum(ops.square(x))),
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        return {"l1": self.l1.last_known, "l2": self.l2.last_known}

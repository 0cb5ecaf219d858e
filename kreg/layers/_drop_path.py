"""Stochastic depth: drops a residual branch for some of the samples."""

from typing import Any

from kreg._registration import register
from kreg._validation import check_count, check_strength
from kreg.layers._dropping import Dropping


@register
class DropPath(Dropping):
    """Drops whole samples of a residual branch at random (stochastic depth).

    Put it last on the branch, before the sum: `x + DropPath(0.1)(f(x))`. In
    training each sample then skips the branch with probability
    `r = rate * schedule(step)`; where it does not, the branch is scaled, so
    that its expectation is `f(x)`:

        0                 with probability r, per sample
        f(x) / (1 - r)    else

    The identity at inference. What is said of steps, saving and seeds in
    `kreg.layers.ScheduledDropout` holds here too.

    Args:
        rate: Float in [0, 1]. Probability that a sample skips the branch.
            Becomes a `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of any shape `(batch_size, ...)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1] or another argument is of the
            wrong kind.

    Example:

    >>> x = keras.Input((16,))
    >>> y = x
    >>> for rate in kreg.layers.DropPath.linear_rates(0.3, depth=3):
    ...     branch = keras.layers.Dense(16, activation="relu")(y)
    ...     y = y + kreg.layers.DropPath(rate)(branch)
    >>> model = keras.Model(x, y)
    >>> [s.value for s in kreg.strengths(model).values()]
    [0.1, 0.2, 0.3]

    References:

    - [Huang et al., 2016](https://arxiv.org/abs/1603.09382)
    """

    @staticmethod
    def linear_rates(rate: float, depth: int) -> list[float]:
        """Returns a rate per branch, growing linearly with its depth.

        The rule of Huang et al.: branch `l` of `depth`, counted from 1, gets
        `rate * l / depth`, since early branches are needed by all later ones.

        Args:
            rate: Float in [0, 1]. The rate of the last branch.
            depth: Integer >= 1. Number of branches.

        Returns:
            List of `depth` floats.

        Raises:
            ValueError: If `rate` or `depth` is out of range.
        """
        rate = check_strength(rate, "rate", 1.0)
        depth = check_count(depth, "depth")
        return [
            round(rate * layer / depth, 12) for layer in range(1, depth + 1)
        ]

    def mask_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns one entry for each sample."""
        return (shape[0], *(1 for _ in shape[1:]))

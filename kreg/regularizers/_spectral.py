"""Penalties on the singular values of a weight."""

from typing import Any

from keras import ops

from kreg._numerics import as_matrix, cast_like, svd, widened
from kreg._registration import register
from kreg.regularizers._penalty import Penalty
from kreg.strength import Strength

_RELATIVE_ZERO = 1e-6  # a singular value this much below the largest is 0


class _Spectral(Penalty):
    """Base of `strength` times a norm of the singular values."""

    prox_steps = "scalar"

    def __init__(self, strength: float = 0.01):
        super().__init__()
        self.strength = Strength(self, "strength", strength)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        matrix = as_matrix(x)
        u, s, vt = svd(matrix)
        direction = ops.matmul(u * self.slopes(s), vt)  # the norm's gradient
        norm = ops.sum(ops.multiply(direction, matrix))
        return ops.multiply(self.strength.effective, norm)

    def prox(self, w: Any, step_size: Any) -> Any:
        """Returns the `u` that minimizes the penalty near `w`.

        Args:
            w: Float tensor.
            step_size: Float or scalar tensor > 0, one for all weights.

        Returns:
            Tensor of the shape and dtype of `w`.
        """
        given = ops.convert_to_tensor(w)
        w = widened(given)
        u, s, vt = svd(as_matrix(w))
        step = cast_like(step_size, w)
        threshold = step * cast_like(self.strength.effective, w)
        shrunk = self.shrink(s, threshold)
        stepped = ops.reshape(ops.matmul(u * shrunk, vt), w.shape)
        return cast_like(stepped, given)

    def slopes(self, s: Any) -> Any:
        """Returns the gradient of the norm in the singular values `s`."""
        raise NotImplementedError

    def shrink(self, s: Any, threshold: Any) -> Any:
        """Returns the prox of `threshold` times the norm, at `s`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"strength": self.strength.last_known}


@register
class NuclearNorm(_Spectral):
    """Penalizes the sum of singular values, so that a weight has low rank.

    The penalty is

        strength * sum(s),    s the singular values of x

    A weight of other rank than 2 is unfolded: `(height, width, inputs,
    filters)` to `(height * width * inputs, filters)`. The singular values come
    from an exact decomposition at each step. Applied by
    `kreg.optimizers.Proximal` (with SGD: the prox knows one step size for all
    weights) singular values become zero up to rounding.

    Args:
        strength: Float >= 0. The strength, in the unit of the loss per unit
            of weight. Defaults to `0.01`. Becomes a `kreg.Strength`.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `strength` is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.NuclearNorm(0.5)
    >>> kernel = np.array([[3.0, 0.0], [0.0, 0.2]], "float32")
    >>> round(float(penalty(kernel)), 4)
    1.6
    >>> u = penalty.prox(kernel, step_size=1.0)  # 0.5 off each singular value
    >>> np.round(ops.convert_to_numpy(u), 4).tolist()
    [[2.5, 0.0], [0.0, 0.0]]

    References:

    - [Fazel, Hindi & Boyd, 2001](https://doi.org/10.1109/ACC.2001.945730)
    - [Cai, Candes & Shen, 2010](https://arxiv.org/abs/0810.3286) (prox)
    """

    def slopes(self, s: Any) -> Any:
        """Returns 1 for each singular value that is not 0."""
        return ops.cast(s > _RELATIVE_ZERO * s[0], s.dtype)

    def shrink(self, s: Any, threshold: Any) -> Any:
        """Returns the singular values less the threshold, at least 0."""
        return ops.maximum(s - threshold, 0.0)


@register
class SpectralNorm(_Spectral):
    """Penalizes the largest singular value: how much a layer can amplify.

    The penalty is

        strength * max(s),    s the singular values of x

    A weight of other rank than 2 is unfolded: `(height, width, inputs,
    filters)` to `(height * width * inputs, filters)`. The singular values come
    from an exact decomposition at each step, not from power iteration, so its
    cost grows with the cube of the smaller side. The prox knows one step size
    for all weights: `kreg.optimizers.Proximal` takes it with SGD.

    Args:
        strength: Float >= 0. The strength, in the unit of the loss per unit
            of weight. Defaults to `0.01`. Becomes a `kreg.Strength`.

    Call arguments:
        x: Float tensor of any shape.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `strength` is negative, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.SpectralNorm(0.5)
    >>> kernel = np.array([[3.0, 0.0], [0.0, 1.0]], "float32")
    >>> round(float(penalty(kernel)), 4)
    1.5
    >>> u = penalty.prox(kernel, step_size=1.0)
    >>> np.round(ops.convert_to_numpy(u), 4).tolist()
    [[2.5, 0.0], [0.0, 1.0]]

    References:

    - [Yoshida & Miyato, 2017](https://arxiv.org/abs/1705.10941) (squared)
    """

    def slopes(self, s: Any) -> Any:
        """Returns 1 for the largest singular value, unless it is 0."""
        first = ops.arange(s.shape[0]) == 0
        return ops.cast(ops.logical_and(first, s > 0), s.dtype)

    def shrink(self, s: Any, threshold: Any) -> Any:
        """Returns the singular values, cut off so that the cuts add up."""
        counts = ops.arange(1, s.shape[0] + 1, dtype=s.dtype)
        levels = ops.divide(ops.cumsum(s) - threshold, counts)
        return ops.minimum(s, ops.maximum(ops.max(levels), 0.0))

"""Group lasso and sparse group lasso: zeros by whole groups."""

from typing import Any

from keras import ops

from kreg._numerics import cast_like, soft_threshold
from kreg._registration import register
from kreg.regularizers._groups import Grouped
from kreg.strength import Strength


@register
class GroupLasso(Grouped):
    """Penalizes the norms of groups of weights, so that whole groups vanish.

    The penalty is

        strength * sum_g sqrt(n_g) * norm(x_g)

    with `x_g` the weights of group `g` and `n_g` their number. Applied by
    `kreg.optimizers.Proximal`, groups become exactly zero: inputs, units or
    filters of a network, which `kreg.compact` then removes. In the loss it
    makes groups small, never zero; its gradient at a zero group is 0.

    Args:
        strength: Float >= 0. The strength, in the unit of the loss per unit
            of weight. Defaults to `0.01`. Becomes a `kreg.Strength`.
        group_axis: Integer. Axis that indexes the groups. Of a `Dense` kernel
            of shape `(inputs, units)`, `0` groups by input and `-1` by unit;
            of a convolution's kernel, `-1` groups by filter. Defaults to `0`.
        group_size: Integer >= 1. Consecutive indices along that axis in one
            group; it must divide the axis. Defaults to `1`.
        scale: Boolean; `False` drops the factor `sqrt(n_g)`. Defaults to
            `True`.

    Call arguments:
        x: Float tensor that has the axis `group_axis`.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `strength` is negative, not finite or not a number, or
            the groups do not fit the weight.

    Example:

    >>> penalty = kreg.regularizers.GroupLasso(0.5, scale=False)
    >>> kernel = np.array([[3.0, 4.0], [0.1, 0.1]], "float32")
    >>> round(float(penalty(kernel)), 4)  # 0.5 * (5 + 0.1414)
    2.5707
    >>> u = penalty.prox(kernel, step_size=1.0)
    >>> np.round(ops.convert_to_numpy(u), 4).tolist()  # the norms less 0.5
    [[2.700000047683716, 3.5999999046325684], [0.0, 0.0]]

    References:

    - [Yuan & Lin, 2006](https://doi.org/10.1111/j.1467-9868.2005.00532.x)
    """

    def __init__(
        self,
        strength: float = 0.01,
        group_axis: int = 0,
        group_size: int = 1,
        scale: bool = True,
    ):
        super().__init__(group_axis, group_size, scale)
        self.strength = Strength(self, "strength", strength)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        return ops.multiply(self.strength.effective, self.sum_of_norms(x))

    def wide_proxes(self, weights: Any, steps: Any) -> list[Any]:
        """Returns `prox` of each weight, in one search for all roots."""
        return self.proxes_of_norms(weights, steps, self.strength.effective)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strength."""
        return {"strength": self.strength.last_known, **super().get_config()}


@register
class SparseGroupLasso(Grouped):
    """Penalizes groups and single weights: few groups, few weights in each.

    The penalty is

        l1 * sum(abs(x)) + group * sum_g sqrt(n_g) * norm(x_g)

    Args:
        l1: Float >= 0. Strength of the first term, in the unit of the loss
            per unit of weight. Defaults to `0.01`. Becomes a `kreg.Strength`.
        group: Float >= 0. Strength of the second term, likewise.
        group_axis: Integer. Axis that indexes the groups. Of a `Dense` kernel
            of shape `(inputs, units)`, `0` groups by input and `-1` by unit.
            Defaults to `0`.
        group_size: Integer >= 1. Consecutive indices along that axis in one
            group; it must divide the axis. Defaults to `1`.
        scale: Boolean; `False` drops the factor `sqrt(n_g)`. Defaults to
            `True`.

    Call arguments:
        x: Float tensor that has the axis `group_axis`.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If a strength is negative, not finite or not a number, or
            the groups do not fit the weight.

    Example:

    >>> penalty = kreg.regularizers.SparseGroupLasso(1.0, 1.0, scale=False)
    >>> kernel = np.array([[4.0, 5.0, 0.5]], "float32")
    >>> u = penalty.prox(kernel, step_size=1.0)  # (3, 4, 0), and 1 off its norm
    >>> np.round(ops.convert_to_numpy(u), 4).tolist()
    [[2.4000000953674316, 3.200000047683716, 0.0]]

    References:

    - [Simon et al., 2013](https://doi.org/10.1080/10618600.2012.681250)
    """

    def __init__(
        self,
        l1: float = 0.01,
        group: float = 0.01,
        group_axis: int = 0,
        group_size: int = 1,
        scale: bool = True,
    ):
        super().__init__(group_axis, group_size, scale)
        self.l1 = Strength(self, "l1", l1)
        self.group = Strength(self, "group", group)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        return ops.add(
            ops.multiply(self.l1.effective, ops.sum(ops.abs(x))),
            ops.multiply(self.group.effective, self.sum_of_norms(x)),
        )

    def wide_proxes(self, weights: Any, steps: Any) -> list[Any]:
        """Returns `prox` of each weight, in one search for all roots.

        The soft threshold of the first term, then the group prox of the
        second: exact, in any diagonal metric.
        """
        l1 = self.l1.effective
        shrunk = [
            soft_threshold(w, ops.multiply(step, cast_like(l1, w)))
            for w, step in zip(weights, steps, strict=True)
        ]
        return self.proxes_of_norms(shrunk, steps, self.group.effective)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        strengths = {"l1": self.l1.last_known, "group": self.group.last_known}
        return {**strengths, **super().get_config()}

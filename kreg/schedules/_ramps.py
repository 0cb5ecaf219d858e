"""Profiles along a stretch of steps: up, down, and the curves between."""

import math
from typing import Any

from keras import ops

from kreg._registration import register
from kreg._validation import check_positive, check_strength
from kreg.schedules._profile import Stretch


@register
class Ramp(Stretch):
    """Rises linearly from 0 to 1: a strength that is warmed up.

    With `p = clip((step - begin_step) / steps, 0, 1)` the profile is

        p

    It is 0 at step -1, 0 and `begin_step`, 0.5 halfway, and 1 from
    `begin_step + steps` on.

    Args:
        steps: Float > 0. Length of the rise in steps, or in epochs when
            `steps_per_epoch` is given.
        begin_step: Float >= 0. Where the rise begins, in the same unit.
            Defaults to `0`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If a length is not positive or `begin_step` is negative.

    Example:

    >>> ramp = kreg.schedules.Ramp(steps=100, begin_step=50)
    >>> [float(ramp(step)) for step in (0, 50, 100, 150, 10_000)]
    [0.0, 0.0, 0.5, 1.0, 1.0]

    References:

    - [Sønderby et al., 2016](https://arxiv.org/abs/1602.02282) (warm-up of a
      penalty)
    """

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        return self.progress(time)


@register
class Anneal(Stretch):
    """Falls linearly from 1 to 0: annealed dropout.

    With `p = clip((step - begin_step) / steps, 0, 1)` the profile is

        1 - p

    It is 1 at step -1, 0 and `begin_step`, 0.5 halfway, and 0 from
    `begin_step + steps` on.

    Args:
        steps: Float > 0. Length of the fall in steps, or in epochs when
            `steps_per_epoch` is given.
        begin_step: Float >= 0. Where the fall begins, in the same unit.
            Defaults to `0`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If a length is not positive or `begin_step` is negative.

    Example:

    >>> anneal = kreg.schedules.Anneal(steps=100)
    >>> [float(anneal(step)) for step in (0, 50, 100, 10_000)]
    [1.0, 0.5, 0.0, 0.0]

    References:

    - [Rennie et al., 2014](https://doi.org/10.1109/SLT.2014.7078567)
    """

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        return ops.subtract(1.0, self.progress(time))


@register
class Cosine(Stretch):
    """Goes from one level to another along half a cosine.

    With `p = clip((step - begin_step) / steps, 0, 1)` the profile is

        end + (start - end) * (1 + cos(pi * p)) / 2

    It is `start` at step -1, 0 and `begin_step`, the mean of the two levels
    halfway, and `end` from `begin_step + steps` on. By default it falls from 1
    to 0, as `keras.optimizers.schedules.CosineDecay(1.0, steps)` does.

    Args:
        steps: Float > 0. Length of the stretch in steps, or in epochs when
            `steps_per_epoch` is given.
        begin_step: Float >= 0. Where it begins, in the same unit.
            Defaults to `0`.
        start: Float in [0, 1]. Level before. Defaults to `1.0`.
        end: Float in [0, 1]. Level after. Defaults to `0.0`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If a length is not positive, `begin_step` is negative, or
            a level is outside [0, 1].

    Example:

    >>> rise = kreg.schedules.Cosine(steps=100, start=0.0, end=1.0)
    >>> [round(float(rise(step)), 4) for step in (0, 25, 50, 100, 10_000)]
    [0.0, 0.1464, 0.5, 1.0, 1.0]

    References:

    - [Loshchilov & Hutter, 2017](https://arxiv.org/abs/1608.03983)
    """

    def __init__(
        self,
        steps: float,
        begin_step: float = 0,
        start: float = 1.0,
        end: float = 0.0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps, begin_step, steps_per_epoch)
        self.start = check_strength(start, "start", 1.0)
        self.end = check_strength(end, "end", 1.0)

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        cosine = ops.cos(ops.multiply(math.pi, self.progress(time)))
        share = ops.multiply(0.5, ops.add(1.0, cosine))
        return ops.add(self.end, ops.multiply(self.start - self.end, share))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        levels = {"start": self.start, "end": self.end}
        return {**super().get_config(), **levels}


@register
class Polynomial(Stretch):
    """Goes from one level to another along a power of the way left.

    With `p = clip((step - begin_step) / steps, 0, 1)` the profile is

        end + (start - end) * (1 - p) ** power

    It is `start` at step -1, 0 and `begin_step`, and `end` from `begin_step +
    steps` on. With `power=1` it is linear; with the default `power=3` most of
    the way is covered early, as gradual pruning does. By default it falls from
    1 to 0, as `keras.optimizers.schedules.PolynomialDecay(1.0, steps, 0.0)`
    does.

    Args:
        steps: Float > 0. Length of the stretch in steps, or in epochs when
            `steps_per_epoch` is given.
        power: Float > 0. Defaults to `3.0`.
        begin_step: Float >= 0. Where it begins, in the unit of `steps`.
            Defaults to `0`.
        start: Float in [0, 1]. Level before. Defaults to `1.0`.
        end: Float in [0, 1]. Level after. Defaults to `0.0`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If a length or `power` is not positive, `begin_step` is
            negative, or a level is outside [0, 1].

    Example:

    >>> rise = kreg.schedules.Polynomial(steps=100, start=0.0, end=1.0)
    >>> [float(rise(step)) for step in (0, 50, 100, 10_000)]
    [0.0, 0.875, 1.0, 1.0]

    References:

    - [Zhu & Gupta, 2017](https://arxiv.org/abs/1710.01878)
    """

    def __init__(
        self,
        steps: float,
        power: float = 3.0,
        begin_step: float = 0,
        start: float = 1.0,
        end: float = 0.0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps, begin_step, steps_per_epoch)
        self.power = check_positive(power, "power")
        self.start = check_strength(start, "start", 1.0)
        self.end = check_strength(end, "end", 1.0)

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        left = ops.power(ops.subtract(1.0, self.progress(time)), self.power)
        return ops.add(self.end, ops.multiply(self.start - self.end, left))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        shape = {"power": self.power, "start": self.start, "end": self.end}
        return {**super().get_config(), **shape}

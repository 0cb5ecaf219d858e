"""Profiles that switch a strength on or off, and constant ones."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from kreg._registration import register
from kreg._validation import (
    check_non_negative,
    check_positive,
    check_strength,
    fail,
)
from kreg.schedules._profile import Profile


@register
class Constant(Profile):
    """Has the same value at every step.

    The profile is `level` at every step, from step -1 to the end.

    Args:
        level: Float in [0, 1]. Defaults to `1.0`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If `level` is outside [0, 1].

    Example:

    >>> constant = kreg.schedules.Constant(0.25)
    >>> [float(constant(step)) for step in (0, 10_000)]
    [0.25, 0.25]
    """

    def __init__(self, level: float = 1.0):
        super().__init__()
        self.level = check_strength(level, "level", 1.0)

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        return ops.full_like(time, self.level)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"level": self.level}


@register
class Early(Profile):
    """Is 1 until a cutoff, then 0: early dropout, against underfitting.

    The profile is

        1                                            before step `steps`
        1 - (step - steps) / descent_steps           for `descent_steps` more
        0                                            from then on

    Without `descent_steps` it is 1 at step -1, 0 and `steps - 1`, and 0 from
    `steps` on.

    Args:
        steps: Float > 0. The cutoff, in steps, or in epochs when
            `steps_per_epoch` is given.
        descent_steps: Float >= 0. Length of a linear descent after it, in the
            same unit. Defaults to `0`, a sudden end.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If `steps` is not positive or `descent_steps` negative.

    Example:

    >>> early = kreg.schedules.Early(steps=100, descent_steps=100)
    >>> [float(early(step)) for step in (0, 100, 150, 200, 10_000)]
    [1.0, 1.0, 0.5, 0.0, 0.0]

    References:

    - [Liu et al., 2023](https://arxiv.org/abs/2303.01500)
    """

    def __init__(
        self,
        steps: float,
        descent_steps: float = 0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps_per_epoch)
        check_positive(steps, "steps")
        check_non_negative(descent_steps, "descent_steps")
        self.steps = steps
        self.descent_steps = descent_steps

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        past = ops.subtract(time, self.steps)
        return ops.subtract(1.0, _crossing(past, self.descent_steps))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "steps": self.steps,
            "descent_steps": self.descent_steps,
            **super().get_config(),
        }


@register
class Late(Profile):
    """Is 0 until a start, then 1: late dropout, against overfitting.

    The profile is

        0                                            before step `steps`
        (step - steps) / ascent_steps                for `ascent_steps` more
        1                                            from then on

    Without `ascent_steps` it is 0 at step -1, 0 and `steps - 1`, and 1 from
    `steps` on.

    Args:
        steps: Float > 0. The start, in steps, or in epochs when
            `steps_per_epoch` is given.
        ascent_steps: Float >= 0. Length of a linear ascent after it, in the
            same unit. Defaults to `0`, a sudden start.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If `steps` is not positive or `ascent_steps` negative.

    Example:

    >>> late = kreg.schedules.Late(steps=5, steps_per_epoch=20)
    >>> [float(late(step)) for step in (0, 99, 100, 10_000)]
    [0.0, 0.0, 1.0, 1.0]

    References:

    - [Liu et al., 2023](https://arxiv.org/abs/2303.01500)
    """

    def __init__(
        self,
        steps: float,
        ascent_steps: float = 0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps_per_epoch)
        check_positive(steps, "steps")
        check_non_negative(ascent_steps, "ascent_steps")
        self.steps = steps
        self.ascent_steps = ascent_steps

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        return _crossing(ops.subtract(time, self.steps), self.ascent_steps)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "steps": self.steps,
            "ascent_steps": self.ascent_steps,
            **super().get_config(),
        }


@register
class Piecewise(Profile):
    """Is constant between given steps.

    The profile is

        values[0]      while step <= boundaries[0]
        values[i]      while boundaries[i - 1] < step <= boundaries[i]
        values[-1]     after the last boundary

    exactly as `keras.optimizers.schedules.PiecewiseConstantDecay` has it; it
    is `values[0]` at steps -1 and 0.

    Args:
        boundaries: Sequence of increasing floats >= 0, in steps, or in epochs
            when `steps_per_epoch` is given.
        values: Sequence of floats in [0, 1], one more than `boundaries`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If the boundaries do not increase, a value is outside
            [0, 1], or the numbers of both do not fit.

    Example:

    >>> piecewise = kreg.schedules.Piecewise([100, 200], [0.0, 0.5, 1.0])
    >>> [float(piecewise(step)) for step in (0, 100, 101, 200, 201)]
    [0.0, 0.0, 0.5, 0.5, 1.0]
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps_per_epoch)
        self.boundaries = list(boundaries)
        self.values = [check_strength(v, "values", 1.0) for v in values]
        for boundary in self.boundaries:
            check_non_negative(boundary, "boundaries")
        if sorted(set(self.boundaries)) != self.boundaries:
            fail("boundaries", "increasing numbers", boundaries)
        if len(self.values) != len(self.boundaries) + 1:
            fail(
                "values",
                f"{len(self.boundaries) + 1} floats, one more than boundaries",
                values,
            )

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        level = ops.full_like(time, self.values[0])
        for boundary, value in zip(
            self.boundaries, self.values[1:], strict=True
        ):
            level = ops.where(time > boundary, value, level)
        return level

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "boundaries": self.boundaries,
            "values": self.values,
            **super().get_config(),
        }


def _crossing(past: Any, steps: float) -> Any:
    """Rises from 0 to 1 over `steps`, where `past` counts from 0 on."""
    if steps > 0:
        return ops.clip(ops.divide(past, steps), 0.0, 1.0)
    return ops.cast(past >= 0, "float32")

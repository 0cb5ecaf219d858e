"""The profile of curriculum dropout."""

from typing import Any

from keras import ops

from kreg._registration import register
from kreg._validation import check_non_negative, check_positive
from kreg.schedules._profile import Profile


@register
class Exponential(Profile):
    """Rises towards 1 as an exponential does: curriculum dropout.

    The profile is

        1 - exp(-gamma * max(step - begin_step, 0))

    It is 0 at step -1, 0 and `begin_step`, about 0.63 at `begin_step + 1 /
    gamma`, and 1 far past it. The paper chooses `gamma = 10 / T`, with `T` the
    number of training steps: easy examples (no noise) first.

    Args:
        gamma: Float > 0. Rate of the rise, per step, or per epoch when
            `steps_per_epoch` is given.
        begin_step: Float >= 0. Where the rise begins, in steps, or in epochs
            likewise. Defaults to `0`.
        steps_per_epoch: Optional float > 0. Training steps in an epoch; turns
            the unit from steps to epochs. Defaults to `None`.

    Returns:
        A schedule; called with a step it gives a float32 tensor in [0, 1].

    Raises:
        ValueError: If `gamma` is not positive or `begin_step` is negative.

    Example:

    >>> curriculum = kreg.schedules.Exponential(gamma=0.01)
    >>> [round(float(curriculum(step)), 3) for step in (0, 100, 10_000)]
    [0.0, 0.632, 1.0]

    References:

    - [Morerio et al., 2017](https://arxiv.org/abs/1703.06229)
    """

    def __init__(
        self,
        gamma: float,
        begin_step: float = 0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps_per_epoch)
        check_positive(gamma, "gamma")
        check_non_negative(begin_step, "begin_step")
        self.gamma = gamma
        self.begin_step = begin_step

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`."""
        past = ops.maximum(ops.subtract(time, self.begin_step), 0.0)
        return ops.negative(ops.expm1(ops.multiply(-self.gamma, past)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "gamma": self.gamma,
            "begin_step": self.begin_step,
            **super().get_config(),
        }

"""`Profile`: the base of kreg's schedules, and the check of foreign ones."""

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kreg._validation import check_non_negative, check_positive, fail

# 1, 2, 3, 5, 7, 10, 20, ... 10 million: no training is longer, and a curve
# that leaves [0, 1] for less than a fifth of its life does so at a step that
# its own configuration names, which is sampled as well.
_SAMPLED_STEPS = (
    0,
    *(m * 10**e for e in range(7) for m in (1, 2, 3, 5, 7)),
    10**7,
)
_TOLERANCE = 1e-6  # rounding of float32 at 1.0


class Profile(LearningRateSchedule):
    """Base class of kreg's schedules: a number in [0, 1] for each step.

    A profile says *when* a strength acts; the Strength it multiplies says how
    much. It is a Keras `LearningRateSchedule`, so the two are interchangeable
    wherever kreg takes a schedule.

    Subclasses implement `profile(time)`, with `time` the step as a float32
    tensor >= 0, in steps, or in epochs when `steps_per_epoch` is given.

    Args:
        steps_per_epoch: Optional float > 0. When given, all lengths of the
            schedule are in epochs of that many steps. Defaults to `None`.
    """

    def __init__(self, steps_per_epoch: float | None = None):
        if steps_per_epoch is not None:
            check_positive(steps_per_epoch, "steps_per_epoch")
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step: Any) -> Any:
        """Returns the profile at `step` as a float32 tensor in [0, 1].

        Args:
            step: Integer or float tensor of any shape; below 0 it counts as 0.
        """
        time = ops.maximum(ops.cast(step, "float32"), 0.0)
        if self.steps_per_epoch is not None:
            time = ops.divide(time, self.steps_per_epoch)
        return ops.clip(self.profile(time), 0.0, 1.0)

    def profile(self, time: Any) -> Any:
        """Returns the profile at `time`, a float32 tensor >= 0."""
        raise NotImplementedError(
            f"Schedule '{type(self).__name__}' must override "
            "`profile(self, time)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"steps_per_epoch": self.steps_per_epoch}

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.get_config().items() if v is not None}
        arguments = ", ".join(f"{k}={v!r}" for k, v in shown.items())
        return f"{type(self).__name__}({arguments})"


class Stretch(Profile):
    """Base of profiles that run along a stretch of steps.

    Args:
        steps: Float > 0. Length of the stretch, in steps (in epochs, when
            `steps_per_epoch` is given).
        begin_step: Float >= 0. Where it begins, in the same unit.
            Defaults to `0`.
        steps_per_epoch: Optional float > 0. Defaults to `None`.
    """

    def __init__(
        self,
        steps: float,
        begin_step: float = 0,
        steps_per_epoch: float | None = None,
    ):
        super().__init__(steps_per_epoch)
        check_positive(steps, "steps")
        check_non_negative(begin_step, "begin_step")
        self.steps = steps
        self.begin_step = begin_step

    def progress(self, time: Any) -> Any:
        """Returns the share of the stretch that is over, in [0, 1]."""
        share = ops.divide(ops.subtract(time, self.begin_step), self.steps)
        return ops.clip(share, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "steps": self.steps,
            "begin_step": self.begin_step,
            **super().get_config(),
        }


def get(schedule: Any, name: str = "schedule") -> LearningRateSchedule | None:
    """Returns `schedule` if it is a usable profile.

    kreg's own profiles cannot leave [0, 1]. Any other Keras schedule is
    sampled over the steps that trainings have and at those that its
    configuration names.

    Args:
        schedule: `LearningRateSchedule`, its serialized dict, or `None`.
        name: String. The argument as the caller knows it.

    Returns:
        The schedule, or `None`.

    Raises:
        ValueError: If it is no schedule, or leaves [0, 1]; names the step.
    """
    if isinstance(schedule, dict):
        schedule = keras.saving.deserialize_keras_object(schedule)
    if schedule is None or isinstance(schedule, Profile):
        return schedule
    if not isinstance(schedule, LearningRateSchedule):
        fail(
            name,
            "a schedule such as kreg.schedules.Ramp(steps=1000), a "
            "keras.optimizers.schedules.LearningRateSchedule, or None",
            schedule,
        )
    for step in _steps_to_sample(schedule):
        value = float(ops.convert_to_numpy(schedule(step)))
        if not -_TOLERANCE <= value <= 1 + _TOLERANCE:
            fail(
                name,
                "a schedule with values in [0, 1]",
                schedule,
                f"Its value at step {step} is {value:g}. A schedule says when "
                "a strength acts, as a share of it; let it start from 1.0 and "
                "put the size into the strength",
            )
    return schedule


def _steps_to_sample(schedule: LearningRateSchedule) -> list[int]:
    steps = set(_SAMPLED_STEPS)
    for value in schedule.get_config().values():
        for number in np.ravel(np.asarray(value, dtype=object)):
            is_number = isinstance(number, (int, float))
            if is_number and 1 <= number <= _SAMPLED_STEPS[-1]:
                n = int(number)
                steps.update((n - 1, n, n + 1, n // 2, 2 * n))
    return sorted(steps)

"""`ScheduledState`: the step and the Strengths of anything on a schedule."""

import math
from typing import Any

import keras

from kreg import schedules
from kreg.layers._step_counter import StepCounter
from kreg.strength import HoldsStrengths, Strength


class ScheduledState(HoldsStrengths):
    """Mixin for layers and models whose Strengths follow a schedule.

    It counts the training steps, creates Strengths that follow the schedule,
    and writes both to the config.

    Args:
        *args: Positional arguments of the Keras base class.
        schedule: Optional schedule with values in [0, 1].
        calls_per_step: Integer >= 1. How often the layer is called in one
            training step: more than once when it is shared, or inside
            `TimeDistributed`.
        **kwargs: Arguments of the Keras base class.
    """

    def __init__(
        self,
        *args: Any,
        schedule: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.schedule = schedules.get(schedule)
        self.counter = StepCounter(self, calls_per_step)

    @property
    def step(self) -> int:
        """Integer: training steps so far."""
        return int(self.counter)

    def new_strength(
        self, name: str, value: float, maximum: float = math.inf
    ) -> Strength:
        """Returns a Strength that follows the schedule of this layer.

        Assign it to the attribute called `name`: then the config has it.
        """
        return Strength(
            self, name, value, maximum, self.schedule, self.counter.read
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        strengths = {
            name: held.last_known
            for name, held in vars(self).items()
            if isinstance(held, Strength)
        }
        return {
            **super().get_config(),  # type: ignore[misc]
            **strengths,
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "calls_per_step": self.counter.calls_per_step,
        }

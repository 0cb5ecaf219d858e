"""`NoiseState`: the step, the seed and the Strengths of anything noisy."""

import math
from typing import Any

import keras

from kreg import schedules
from kreg._validation import fail
from kreg.layers._seeds import per_replica
from kreg.layers._step_counter import StepCounter
from kreg.strength import HoldsStrengths, Strength


class NoiseState(HoldsStrengths):
    """Mixin for layers and wrappers that draw random numbers on a schedule.

    It counts the training steps, draws from one seed generator, creates
    Strengths that follow the schedule, and writes all of it to the config.

    Args:
        *args: Positional arguments of the Keras base class.
        schedule: Optional schedule with values in [0, 1].
        seed: Optional integer or `keras.random.SeedGenerator`.
        calls_per_step: Integer >= 1. How often the layer is called in one
            training step: more than once when it is shared, or inside
            `TimeDistributed`.
        **kwargs: Arguments of the Keras base class.
    """

    def __init__(
        self,
        *args: Any,
        schedule: Any = None,
        seed: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.schedule = schedules.get(schedule)
        self.seed = seed
        self.seed_generator = _seed_generator(seed)
        self.counter = StepCounter(self, calls_per_step)

    @property
    def step(self) -> int:
        """Integer: training steps so far."""
        return int(self.counter)

    @property
    def draws(self) -> Any:
        """What to pass as `seed` to random functions in this call."""
        return per_replica(self.seed_generator)

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
        saving = keras.saving
        seed = self.seed
        if isinstance(seed, keras.random.SeedGenerator):
            seed = saving.serialize_keras_object(seed)
        strengths = {
            name: held.last_known
            for name, held in vars(self).items()
            if isinstance(held, Strength)
        }
        return {
            **super().get_config(),  # type: ignore[misc]
            **strengths,
            "schedule": saving.serialize_keras_object(self.schedule),
            "seed": seed,
            "calls_per_step": self.counter.calls_per_step,
        }


def _seed_generator(seed: Any) -> keras.random.SeedGenerator:
    if isinstance(seed, dict):
        seed = keras.saving.deserialize_keras_object(seed)
    if isinstance(seed, keras.random.SeedGenerator):
        return seed
    if not (seed is None or isinstance(seed, int)) or isinstance(seed, bool):
        fail("seed", "an integer, a keras.random.SeedGenerator or None", seed)
    return keras.random.SeedGenerator(seed)

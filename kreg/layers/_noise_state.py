"""`NoiseState`: the step, the seed and the Strengths of anything noisy."""

from typing import Any

import keras

from kreg._validation import fail
from kreg.layers._scheduled_state import ScheduledState
from kreg.layers._seeds import per_replica


class NoiseState(ScheduledState):
    """Mixin for layers and wrappers that draw random numbers on a schedule.

    To `ScheduledState` it adds one seed generator.

    Args:
        *args: Positional arguments of the Keras base class.
        seed: Optional integer or `keras.random.SeedGenerator`.
        **kwargs: Arguments of `ScheduledState` and of the Keras base class.
    """

    def __init__(self, *args: Any, seed: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.seed = seed
        self.seed_generator = _seed_generator(seed)

    @property
    def draws(self) -> Any:
        """What to pass as `seed` to random functions in this call."""
        return per_replica(self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        seed = self.seed
        if isinstance(seed, keras.random.SeedGenerator):
            seed = keras.saving.serialize_keras_object(seed)
        return {**super().get_config(), "seed": seed}


def _seed_generator(seed: Any) -> keras.random.SeedGenerator:
    if isinstance(seed, dict):
        seed = keras.saving.deserialize_keras_object(seed)
    if isinstance(seed, keras.random.SeedGenerator):
        return seed
    if not (seed is None or isinstance(seed, int)) or isinstance(seed, bool):
        fail("seed", "an integer, a keras.random.SeedGenerator or None", seed)
    return keras.random.SeedGenerator(seed)

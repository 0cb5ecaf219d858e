"""`Noise`: what all scheduled noise layers share."""

from typing import Any

import keras

from kreg import schedules
from kreg._validation import fail
from kreg.layers._step_counter import StepCounter
from kreg.strength import HoldsStrengths


class Noise(HoldsStrengths, keras.layers.Layer):
    """Base class of layers that add noise to their inputs while training.

    It counts the training steps, draws from one seed generator, and is the
    identity at inference. Subclasses create their Strength with
    `self.counter.read` as its step, and implement `add_noise(inputs)`.

    Args:
        schedule: Optional schedule with values in [0, 1].
        seed: Optional integer or `keras.random.SeedGenerator`.
        calls_per_step: Integer >= 1. How often the layer is called in one
            training step: more than once when it is shared, or inside
            `TimeDistributed`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        schedule: Any = None,
        seed: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.schedule = schedules.get(schedule)
        self.seed = seed
        self.seed_generator = _seed_generator(seed)
        self.counter = StepCounter(self, calls_per_step)
        self.supports_masking = True
        self.built = True

    @property
    def step(self) -> int:
        """Integer: training steps so far."""
        return int(self.counter)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns `inputs`, with noise if `training`.

        Args:
            inputs: Float tensor of any shape `(batch_size, ...)`.
            training: Boolean; the layer is the identity unless `True`.

        Returns:
            Tensor of the shape and dtype of `inputs`.
        """
        if not training:
            return inputs
        noisy = self.add_noise(inputs)
        self.counter.advance()
        return noisy

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` with noise, as of the current step."""
        raise NotImplementedError(
            f"Layer '{type(self).__name__}' must override "
            "`add_noise(self, inputs)`."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this class and of `Layer`."""
        saving = keras.saving
        seed = self.seed
        if isinstance(seed, keras.random.SeedGenerator):
            seed = saving.serialize_keras_object(seed)
        return {
            **super().get_config(),
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

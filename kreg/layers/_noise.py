"""`Noise`: what all scheduled layers that act on activations share."""

from typing import Any

import keras

from kreg._validation import check_float_tensor
from kreg.layers._noise_state import NoiseState


class Noise(NoiseState, keras.layers.Layer):
    """Base class of layers that add noise to their inputs while training.

    The identity at inference. A subclass creates its Strength with
    `new_strength` and implements `add_noise(inputs)`, drawing random numbers
    with `seed=self.draws`; the rest (steps, seeds, schedule, checks, config)
    is done here.

    Args:
        **kwargs: Arguments of `NoiseState` and of `keras.layers.Layer`.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        # A subclass of the user's may have a `build`, which is to be called.
        self.built = type(self).build is keras.layers.Layer.build

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns `inputs`, with noise if `training`.

        Args:
            inputs: Float tensor of any shape `(batch_size, ...)`.
            training: Boolean; the layer is the identity unless `True`.

        Returns:
            Tensor of the shape and dtype of `inputs`.
        """
        self.check_inputs(inputs)
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

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ValueError` unless `inputs` are dense floats."""
        check_float_tensor(inputs, "inputs")

    def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
        """Returns what a symbolic call returns, or raises as `call` does."""
        self.check_inputs(inputs)
        return super().compute_output_spec(inputs, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

"""`Dropping`: what layers that set a share of their inputs to zero share."""

from typing import Any

from keras import ops

from kreg.layers._masks import masked, uniform_mask
from kreg.layers._noise import Noise


class Dropping(Noise):
    """Base class of noise that is a mask; subclasses say of what shape.

    Args:
        rate: Float in [0, 1]. Probability of dropping.
        **kwargs: Arguments of `Noise`.
    """

    draw_mask = staticmethod(uniform_mask)

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = self.new_strength("rate", rate, 1.0)

    def mask_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns the shape of the mask for inputs of shape `shape`."""
        return shape

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` with what the mask drops set to zero."""
        shape = self.mask_shape(ops.shape(inputs))
        kept, scale = self.draw_mask(shape, self.rate.effective, self.draws)
        return masked(inputs, kept, scale)

"""What a kind of layer does with units: the base class, and `Opaque`.

A kind answers four questions about a layer: which units its outputs belong
to, which outputs are constant, which inputs it needs, and what it becomes
when some are removed. `Opaque` answers for every layer that is not
understood: it keeps all it takes and makes.
"""

from typing import Any

import numpy as np

from kreg.transforms._graph import Call, Tensor
from kreg.transforms._units import Units

Shapes = dict[Tensor, tuple[int | None, ...]]


def channels(tensor: Tensor, shapes: Shapes) -> int:
    """Returns the number of channels of a tensor; 0 if it is not known."""
    shape = shapes.get(tensor, ())
    return (shape[-1] or 0) if len(shape) > 1 else 0


def unknown(count: int) -> np.ndarray:
    """Returns `count` values of which none is known to be constant."""
    return np.full(count, np.nan)


class Kind:
    """Base class: a layer that hands its units on, channel by channel."""

    shared_units = True  # the calls of one layer must remove the same

    def __init__(self, layer: Any, tolerance: float):
        self.layer = layer
        self.tolerance = tolerance

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Names the units of the outputs of `call`."""
        units.of[call.output()] = units.of[call.inputs[0]]

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the value of each output channel; NaN if it varies.

        Constant is what has the same value for all samples and positions, at
        inference.
        """
        return known[call.inputs[0]]

    def needs(
        self, live: np.ndarray, constants: np.ndarray
    ) -> np.ndarray | None:
        """Returns which input channels are needed for the live outputs.

        Args:
            live: Boolean array: the output channels that stay.
            constants: Value of each input channel; NaN if it varies.

        Returns:
            Boolean array, or `None` if the layer only hands units on.
        """
        return None

    def configure(
        self, arguments: dict[str, Any], kept: np.ndarray, folded: bool
    ) -> dict[str, Any]:
        """Returns the layer's arguments for the outputs that are kept."""
        return arguments

    def weights(
        self, taken: np.ndarray, kept: np.ndarray, constants: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the new values of the layer's weights, by attribute.

        Args:
            taken: Indices of the input channels that stay.
            kept: Indices of the output channels that stay.
            constants: Values of the input channels to fold into the bias.
        """
        return {}

    def multiply_adds(self) -> int:
        """Returns those for one position of the outputs, or 0."""
        return 0


class Opaque(Kind):
    """A layer that is not understood."""

    shared_units = False

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Pins all units that the layer takes and makes."""
        for tensor in call.inputs:
            units.pin(units.of[tensor])
        made = [
            tensor
            for tensor in shapes
            if (tensor.layer, tensor.call) == (call.layer, call.call)
        ]
        for tensor in {call.output(), *made}:
            units.of[tensor] = units.new(channels(tensor, shapes))
            units.pin(units.of[tensor])

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns that nothing is known."""
        return unknown(channels(call.output(), shapes))

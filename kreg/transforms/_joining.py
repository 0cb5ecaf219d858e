"""Kinds that join tensors or lay their channels out anew."""

from typing import Any

import numpy as np

from kreg.transforms._graph import Call, Tensor
from kreg.transforms._kinds import Shapes
from kreg.transforms._passing import Free
from kreg.transforms._units import Units

MERGES = {
    "Add": np.add,
    "Average": np.add,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Multiply": np.multiply,
    "Subtract": np.subtract,
}


class Merged(Free):
    """Add and its like: the units of all inputs become one."""

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Joins the units of the inputs."""
        first, *others = (units.of[tensor] for tensor in call.inputs)
        for other in others:
            units.join(first, other)
        units.of[call.output()] = first

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns what is constant in all inputs, or multiplied by zero."""
        name = type(self.layer).__name__
        values = [known[tensor] for tensor in call.inputs]
        merged = values[0]
        for value in values[1:]:
            merged = MERGES[name](merged, value)
        if name == "Average":
            merged = merged / len(values)
        if name == "Multiply":
            is_zero = np.any([value == 0 for value in values], axis=0)
            merged = np.where(is_zero, 0.0, merged)
        return merged


class Concatenated(Free):
    """Concatenate: along the last axis, or another one."""

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Lines the units up, or joins them if they stand side by side."""
        held = [units.of[tensor] for tensor in call.inputs]
        if self._is_last(call, shapes):
            units.of[call.output()] = np.concatenate(held)
            return
        for other in held[1:]:
            units.join(held[0], other)
        units.of[call.output()] = held[0]

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the constants of the inputs, where they agree."""
        values = [known[tensor] for tensor in call.inputs]
        if self._is_last(call, shapes):
            return np.concatenate(values)
        agree = np.all([value == values[0] for value in values], axis=0)
        return np.where(agree, values[0], np.nan)

    def _is_last(self, call: Call, shapes: Shapes) -> bool:
        rank = len(shapes[call.inputs[0]])
        return self.layer.axis in (-1, rank - 1)


class Flattened(Free):
    """Flatten, and Reshape to or from one axis."""

    shared_units = True

    def link(self, call: Call, units: Units, shapes: Shapes) -> None:
        """Repeats the units for each position, or joins those of positions."""
        held = units.of[call.inputs[0]]
        made = shapes[call.output()][-1] or 0
        if made >= len(held):
            units.of[call.output()] = np.tile(held, made // len(held))
            return
        rows = held.reshape(-1, made)
        for row in rows[1:]:
            units.join(rows[0], row)
        units.of[call.output()] = rows[0]

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the constants, where they agree."""
        held = known[call.inputs[0]]
        made = shapes[call.output()][-1] or 0
        if made >= len(held):
            return np.tile(held, made // len(held))
        rows = held.reshape(-1, made)
        return np.where((rows == rows[0]).all(axis=0), rows[0], np.nan)

    def configure(
        self, arguments: dict[str, Any], kept: np.ndarray, folded: bool
    ) -> dict[str, Any]:
        """Returns the arguments with the new last axis of the target."""
        target = arguments.get("target_shape")
        if target is None or target[-1] == -1:
            return arguments
        return {**arguments, "target_shape": [*target[:-1], len(kept)]}

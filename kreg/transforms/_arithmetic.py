"""Kinds of the operations that Python and `keras.ops` make of one tensor.

In a Functional model `0.1 * x`, `-x`, `keras.ops.abs(x)` or
`keras.ops.mean(x, axis=1)` are operations in the graph, not layers.
"""

from typing import Any

import numpy as np

from kreg.transforms._graph import Call, Tensor
from kreg.transforms._kinds import Kind, Shapes
from kreg.transforms._mixing import activated, is_operation, operation_name
from kreg.transforms._passing import Free

BY_ELEMENT = {
    "Absolute",
    "Add",
    "Clip",
    "Divide",
    "Exp",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Power",
    "Sign",
    "Sqrt",
    "Square",
    "Subtract",
    "TrueDivide",
}
POOLING = {"Max", "Mean", "Min"}


class Arithmetic(Free):
    """An operation on a tensor and numbers, element by element."""

    def constants(
        self, call: Call, known: dict[Tensor, np.ndarray], shapes: Shapes
    ) -> np.ndarray:
        """Returns the operation on the constants."""

        def operate(values: Any) -> Any:
            args, kwargs = (
                _filled(call.node[part], values) for part in ("args", "kwargs")
            )
            return self.layer(*args, **kwargs)

        return activated(operate, known[call.inputs[0]])


def operation_kind(
    layer: Any, call: Call, shapes: list[tuple], counts: list[int]
) -> type[Kind] | None:
    """Returns the kind of an operation on one tensor, if it is understood.

    Args:
        layer: The operation, which may be a layer.
        call: Its call.
        shapes: The shapes of the tensor and of what is made of it.
        counts: Their numbers of channels.
    """
    if not is_operation(layer) or operation_name(layer):
        return None
    if counts[0] != counts[1] or call.node is None:
        return None
    name = type(layer).__name__
    is_numbers = not any(map(_is_array, vars(layer).values()))
    if name in BY_ELEMENT and is_numbers and _takes_numbers(call.node):
        return Arithmetic
    if name in POOLING and _is_pooling(layer.axis, len(shapes[0])):
        return Free
    return None


def _is_pooling(axis: Any, rank: int) -> bool:
    """Tells whether neither samples nor channels are lost in a reduction."""
    axes = [axis] if isinstance(axis, int) else axis or range(rank)
    return not {0, rank - 1} & {one % rank for one in axes}


def _is_array(value: Any) -> bool:
    return len(getattr(value, "shape", ())) > 0


def _takes_numbers(tree: Any) -> bool:
    """Tells whether a call takes one tensor, and else no arrays."""
    if isinstance(tree, dict):
        if "class_name" in tree:
            return tree["class_name"] == "__keras_tensor__"
        return all(map(_takes_numbers, tree.values()))
    if isinstance(tree, (list, tuple)):
        return all(map(_takes_numbers, tree))
    return True


def _filled(tree: Any, values: Any) -> Any:
    """Returns the arguments of a call with `values` in place of its tensor."""
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            return values
        return {key: _filled(value, values) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_filled(value, values) for value in tree)
    return tree

"""Checks that a compiled model can be polished on arrays."""

import contextlib
from typing import Any, NoReturn

import keras
from keras import ops

from kreg._validation import fail


def check_samples(model: Any, x: Any, y: Any) -> None:
    """Raises `ValueError` unless the model's loss takes all of `x` and `y`.

    Args:
        model: A compiled model.
        x: What the user gave as inputs.
        y: What the user gave as targets.
    """
    if not model.built:
        fail("model", "a built model", model, "Call it on data first")
    shapes = [*_shapes(x), *_shapes(y)]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        fail(
            "x",
            "arrays of as many samples as `y` has",
            list(dict.fromkeys(shapes)),
        )
    if not shapes[0][0]:
        fail("x", "at least one sample", _shapes(x))
    _check_targets(model, x, y, _outputs(model, x))


def _outputs(model: Any, x: Any) -> Any:
    """Returns the outputs for the first sample, or raises.

    For all samples, if the model takes no other number (a stateful one).
    """

    def of_first(count: int | None) -> Any:
        first = keras.tree.map_structure(
            lambda array: ops.convert_to_tensor(array[:count]), x
        )
        return model(first, training=False)

    try:
        with contextlib.suppress(Exception):
            return of_first(1)
        return of_first(None)
    except Exception:  # each backend has errors of its own
        shape = getattr(model, "input_shape", None)
        of = "" if shape is None else f", which are of shape {shape}"
        _fail("x", f"inputs of the model{of}", x)


def _check_targets(model: Any, x: Any, y: Any, outputs: Any) -> None:
    """Raises unless the loss takes all targets beside such outputs."""
    try:
        inputs, targets = (
            keras.tree.map_structure(ops.convert_to_tensor, data)
            for data in (x, y)
        )
        count = _shapes(y)[0][0]
        repeated = keras.tree.map_structure(
            lambda output: ops.repeat(output, count // len(output), axis=0),
            outputs,
        )
        model.compute_loss(x=inputs, y=targets, y_pred=repeated, training=False)
    except Exception:  # each backend has errors of its own
        shapes = [(None, *shape[1:]) for shape in _shapes(outputs)]
        of = shapes if len(shapes) > 1 else shapes[0]
        beside = f"targets that the loss takes beside outputs of shape {of}"
        _fail("y", beside, y)


def _fail(name: str, expected: str, data: Any) -> NoReturn:
    arrays = keras.tree.flatten(data)
    dtypes = [getattr(array, "dtype", type(array)) for array in arrays]
    kinds = [
        f"shape {shape} and dtype {getattr(dtype, 'name', dtype)}"
        for shape, dtype in zip(_shapes(data), dtypes, strict=True)
    ]
    raise ValueError(
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {name} of {', '.join(kinds)}"
    )


def _shapes(data: Any) -> list[tuple[int, ...]]:
    """Returns the shape of each array, `()` of what is none."""
    return [
        tuple(getattr(array, "shape", ())) for array in keras.tree.flatten(data)
    ]

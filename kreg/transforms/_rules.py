"""Rules: which layers a user means by `where` and `after`."""

import fnmatch
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kreg._structure import has_named_layers, walk
from kreg._validation import fail

Rule = Callable[[str, Any], bool]
EXPECTED = (
    "a layer class, a pattern of layer names such as 'dense*', a function of "
    "a layer, a sequence of these, or None"
)


def rule(value: Any, name: str, model: Any) -> Rule | None:
    """Returns the rule that a user's argument stands for.

    Args:
        value: What the user gave; `None` is no rule.
        name: String. The argument as the user knows it.
        model: The model; each pattern and class must match a layer of it.

    Returns:
        Function of the path and the layer that tells whether it is meant, or
        `None`.

    Raises:
        ValueError: If `value` is none of these, or matches no layer.
    """
    if value is None:
        return None
    parts = value if isinstance(value, (list, tuple)) else [value]
    rules = [_single(part, name, value) for part in parts]
    layers = walk(model)[1:]
    if name == "after":  # dropout may go after operations, too
        layers = [*layers, *_operations(model)]
    for part, matches in zip(parts, rules, strict=True):
        if not any(matches(path, layer) for path, layer in layers):
            raise ValueError(
                f"Invalid value for argument `{name}`. {part!r} matches no "
                "layer of the model. Its layers are: "
                f"{[path for path, _ in layers]}"
            )
    return lambda path, layer: any(r(path, layer) for r in rules)


def _single(part: Any, name: str, value: Any) -> Rule:
    if isinstance(part, str):
        return lambda path, layer: (
            fnmatch.fnmatchcase(path, part)
            or fnmatch.fnmatchcase(layer.name, part)
        )
    if inspect.isclass(part) and issubclass(part, keras.layers.Layer):
        return lambda path, layer: isinstance(layer, part)
    if inspect.isclass(part) or not callable(part):
        fail(name, EXPECTED, value)
    return lambda path, layer: bool(part(layer))


def _operations(model: Any) -> Iterator[tuple[str, Any]]:
    """Yields the operations of Functional models, such as `relu`, by path."""
    for path, part in walk(model):
        if not has_named_layers(part):
            continue
        for operation in getattr(part, "operations", ()):
            if not isinstance(operation, keras.layers.Layer):
                place = f"{path}/{operation.name}" if path else operation.name
                yield place, operation

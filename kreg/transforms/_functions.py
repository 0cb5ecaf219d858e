"""Lets a config name the Python functions that layers hold.

Keras writes a lambda as bytecode, which it refuses to read, and a function by
a name that must be registered. A model made from another in the same process
can hold the same functions: each gets a name in the config, and an entry in
the scope that the config is read in.
"""

import types
from typing import Any

from kreg._structure import has_named_layers


def named_functions(
    config: dict[str, Any], model: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a model's config with its functions named, and these by name.

    Args:
        config: Config of a Sequential or Functional model, maybe edited.
        model: The model that it was taken from.
    """
    functions: dict[str, Any] = {}
    return _named(config, model, functions), functions


def is_known(held: Any) -> bool:
    """Tells whether Keras finds a class or function by itself."""
    return (held.__module__ or "").split(".")[0] in ("keras", "kreg")


def _named(
    config: dict[str, Any], model: Any, functions: dict[str, Any]
) -> dict[str, Any]:
    layers = {layer.name: layer for layer in model.layers}
    entries = []
    for entry in config["layers"]:
        arguments = entry["config"]
        layer = layers.get(arguments.get("name", entry.get("name")))
        if has_named_layers(layer):
            arguments = _named(arguments, layer, functions)
        elif layer is not None:
            arguments = {
                key: _reference(value, getattr(layer, key, None), functions)
                for key, value in arguments.items()
            }
        entries.append({**entry, "config": arguments})
    return {**config, "layers": entries}


def _reference(value: Any, held: Any, functions: dict[str, Any]) -> Any:
    is_function = isinstance(held, types.FunctionType) and not is_known(held)
    if not (is_function and isinstance(value, dict)):
        return value
    name = f"kreg_function_{len(functions)}"
    functions[name] = held
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }

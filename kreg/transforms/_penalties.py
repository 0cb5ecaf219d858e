"""Puts penalties into the configs of layers."""

from typing import Any

import keras

from kreg._structure import has_named_layers
from kreg._validation import fail
from kreg.transforms._graph import config_of
from kreg.transforms._rules import Rule
from kreg.transforms._twins import translated

# The arguments of layers that each argument of `regularize` stands for.
KEYS = {
    "kernel": (
        "kernel_regularizer",
        "recurrent_regularizer",
        "depthwise_regularizer",
        "pointwise_regularizer",
    ),
    "bias": ("bias_regularizer",),
    "activity": ("activity_regularizer",),
}
# Where the config of a layer holds the configs of layers inside it, and the
# attribute where the layer itself holds them.
INNER = {
    "layer": ("layer", "forward_layer"),
    "backward_layer": ("backward_layer",),
    "cell": ("cell",),
    "cells": ("cells",),
}


def check_penalty(value: Any, name: str) -> dict[str, Any] | None:
    """Returns the config of a penalty that the user gave, in kreg's terms."""
    if value is None:
        return None
    if not isinstance(value, keras.regularizers.Regularizer):
        fail(
            name,
            "a penalty such as kreg.regularizers.L2(1e-4), or None",
            value,
        )
    return translated(keras.saving.serialize_keras_object(value))


def penalized(
    config: dict[str, Any],
    layer: Any,
    path: str,
    penalties: dict[str, dict[str, Any]],
    where: Rule | None,
    placed: set[str],
) -> dict[str, Any]:
    """Returns the config of a layer with penalties put in.

    Args:
        config: The config of the layer, as in `model.get_config()["layers"]`.
        layer: The layer itself.
        path: String. Its path in the model.
        penalties: The config of the penalty for each of `KEYS` that is given.
        where: Which layers are meant; `None` for all.
        placed: The names of the penalties that found a place are added here.
    """
    arguments = dict(config["config"])
    if has_named_layers(layer):
        inner = {child.name: child for child in layer.layers}
        arguments["layers"] = [
            penalized(
                entry,
                inner[_name(entry)],
                f"{path}/{_name(entry)}" if path else _name(entry),
                penalties,
                where,
                placed,
            )
            if _name(entry) in inner
            else entry
            for entry in arguments["layers"]
        ]
        return {**config, "config": arguments}
    if where is None or where(path, layer):
        _put(arguments, penalties, placed)
        where = None  # the layers inside a layer that is meant are meant too
    for key, attributes in INNER.items():
        for attribute in attributes:
            child = getattr(layer, attribute, None)
            if child is not None and key in arguments:
                arguments[key] = _penalized_inside(
                    arguments[key],
                    child,
                    f"{path}/{attribute}",
                    penalties,
                    where,
                    placed,
                )
                break
    return {**config, "config": arguments}


def _penalized_inside(held: Any, child: Any, path: str, *rest: Any) -> Any:
    """Does `penalized` for one layer inside another, or a list of them."""
    if isinstance(child, (list, tuple)) and isinstance(held, (list, tuple)):
        return [
            _penalized_inside(entry, one, f"{path}/{index}", *rest)
            for index, (entry, one) in enumerate(zip(held, child, strict=True))
        ]
    if isinstance(child, keras.layers.Layer) and isinstance(held, dict):
        return penalized(held, child, path, *rest)
    return held


def has_kernel(layer: Any) -> bool:
    """Tells whether a layer, or one inside it, mixes its inputs by weights."""
    if has_named_layers(layer):
        return any(has_kernel(child) for child in layer.layers)
    if not isinstance(layer, keras.layers.Layer):
        return False  # an operation, such as `a + b`
    return _names_kernel(config_of(layer)) or (
        not type(layer).__module__.startswith("keras.")
        and any(len(weight.shape) > 1 for weight in layer.weights)
    )


def _names_kernel(config: Any) -> bool:
    if isinstance(config, dict):
        named = (*KEYS["kernel"], "embeddings_regularizer")
        return any(key in config for key in named) or any(
            _names_kernel(value) for value in config.values()
        )
    if isinstance(config, (list, tuple)):
        return any(_names_kernel(value) for value in config)
    return False


def _put(
    arguments: dict[str, Any],
    penalties: dict[str, dict[str, Any]],
    placed: set[str],
) -> None:
    if not any(key in arguments for key in KEYS["kernel"]):
        return
    for name, penalty in penalties.items():
        if name == "bias" and arguments.get("use_bias") is False:
            continue
        for key in KEYS[name]:
            # Keras's layers name an activity penalty only if they have one.
            if key in arguments or name == "activity":
                arguments[key] = penalty
                placed.add(name)


def _name(entry: dict[str, Any]) -> str:
    return entry["config"].get("name", entry.get("name", ""))

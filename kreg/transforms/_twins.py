"""Keras's penalties and noise layers, and what kreg has in their place."""

from typing import Any

import keras
import numpy as np

from kreg import layers, regularizers
from kreg.layers._noise import Noise

PENALTIES = {"L1": "L1", "L2": "L2", "L1L2": "L1L2"}
NOISE = {
    "Dropout": "ScheduledDropout",
    "SpatialDropout1D": "ScheduledSpatialDropout1D",
    "SpatialDropout2D": "ScheduledSpatialDropout2D",
    "SpatialDropout3D": "ScheduledSpatialDropout3D",
    "GaussianDropout": "ScheduledGaussianDropout",
    "GaussianNoise": "ScheduledGaussianNoise",
    "AlphaDropout": "ScheduledAlphaDropout",
}

# Whether a class takes arguments of some kind, found once.
_TAKEN: dict[tuple[Any, str], bool] = {}


def translated(tree: Any) -> Any:
    """Returns a config in which Keras's classes are replaced by kreg's.

    Whatever kreg has no twin of, or whose twin cannot take all its arguments,
    stays as it is.

    Args:
        tree: A config, or any part of one.
    """
    if isinstance(tree, dict):
        inner = {key: translated(value) for key, value in tree.items()}
        return _twin(inner)
    if isinstance(tree, (list, tuple)):
        return type(tree)(translated(value) for value in tree)
    return tree


def is_noise(layer: Any) -> bool:
    """Tells whether `layer` is noise that acts in training only."""
    return isinstance(layer, noise_classes())


def noise_classes() -> tuple[type, ...]:
    """Returns Keras's noise layers and the base of kreg's."""
    return (*(getattr(keras.layers, name) for name in NOISE), Noise)


def _twin(config: dict[str, Any]) -> dict[str, Any]:
    name = config.get("class_name")
    arguments = config.get("config")
    if not (isinstance(name, str) and isinstance(arguments, dict)):
        return config
    if config.get("module") == "keras.regularizers":
        twin = getattr(regularizers, PENALTIES.get(name, ""), None)
        arguments = {key: _decimal(arg) for key, arg in arguments.items()}
    elif config.get("module") == "keras.layers":
        twin = getattr(layers, NOISE.get(name, ""), None)
    else:
        twin = None
    if twin is None or not _takes(twin, arguments):
        return config
    changed = {
        **config,
        "module": twin.__module__,
        "class_name": twin.__name__,
        "registered_name": f"kreg>{twin.__name__}",
        "config": arguments,
    }
    changed.pop("build_config", None)
    return changed


def _takes(cls: Any, arguments: dict[str, Any]) -> bool:
    """Tells whether `cls` can be made with these arguments.

    Making one costs a millisecond, and a search asks this for every layer of
    every trial: numbers of one kind share the answer.
    """
    key = (cls, repr({k: _kind(v) for k, v in arguments.items()}))
    if key not in _TAKEN:
        try:
            cls.from_config(dict(arguments))
        except (TypeError, ValueError):  # as at a rate of 1, where Keras
            _TAKEN[key] = False  # divides by zero in training
        else:
            _TAKEN[key] = True
    return _TAKEN[key]


def _kind(value: Any) -> Any:
    """Returns on which side of the bounds a number is; else the value."""
    if isinstance(value, float):
        return value < 0, value < 1, value <= 1, value < float("inf")
    return value


def _decimal(value: Any) -> Any:
    """Returns 0.01 for the 0.009999999776 that Keras's L1 makes of it."""
    if isinstance(value, float):
        return float(str(np.float32(value)))
    return value

"""Checks of Proximal's arguments, and their way to JSON and back."""

from collections.abc import Mapping
from typing import Any

import keras

from kreg._validation import fail
from kreg.optimizers._metrics import Metric
from kreg.regularizers import Penalty


def check_selection(selection: Any, name: str) -> Any:
    """Returns patterns as a tuple, a function as it is, or `None`."""
    if selection is None or callable(selection):
        return selection
    patterns = (selection,) if isinstance(selection, str) else selection
    if not isinstance(patterns, (list, tuple)) or not all(
        isinstance(pattern, str) and pattern for pattern in patterns
    ):
        fail(
            name,
            "a path pattern, a sequence of them, a function of the variable, "
            "or None",
            selection,
        )
    return tuple(patterns)


def check_penalty(penalty: Any, metric: type[Metric]) -> Any:
    """Returns the penalty, or the mapping as a dict, or raises."""
    is_mapping = isinstance(penalty, Mapping)
    for given in penalty.values() if is_mapping else [penalty]:
        if not isinstance(given, Penalty) or given.prox_steps is None:
            fail(
                "penalty",
                "a kreg penalty that has a proximal operator, such as "
                "kreg.regularizers.L1(1e-3), or a mapping from path patterns "
                "to such penalties",
                penalty,
            )
        if given.prox_steps == "scalar" and metric.steps != "scalar":
            fail(
                "penalty",
                "a penalty whose proximal operator takes a step size for each "
                "weight, as this optimizer has",
                penalty,
                "Use it with SGD",
            )
        if any(s.schedule is not None for s in given.held_strengths()):
            fail("penalty", "a penalty that has no schedule yet", penalty)
    if is_mapping and not (
        penalty and all(isinstance(key, str) and key for key in penalty)
    ):
        fail("penalty", "path patterns as keys", penalty)
    return dict(penalty) if is_mapping else penalty


def selection_config(selection: Any, name: str) -> Any:
    """Returns what JSON can hold of a checked selection."""
    if not callable(selection):
        return None if selection is None else list(selection)
    registered = keras.saving.get_registered_name(selection)
    if keras.saving.get_registered_object(registered) is not selection:
        fail(
            name,
            "patterns or a registered function in order to be saved",
            selection,
        )
    return keras.saving.serialize_keras_object(selection)


def deserialized(value: Any) -> Any:
    """Returns the objects that a config, or a dict of them, describes."""
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return {key: deserialized(held) for key, held in value.items()}

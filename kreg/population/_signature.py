"""What two models must share to be trained as one, and what may differ.

Models that differ only in strengths, rates and learning rates have the same
graph. Which those are is read off the models themselves: their configs are
translated into kreg's terms, and every entry of a config that becomes a
`Strength` is taken out.
"""

import dataclasses
import json
import warnings
from typing import Any

import keras

from kreg._structure import has_named_layers
from kreg.population import _label_smoothing, _python
from kreg.population._label_smoothing import is_smoothed
from kreg.strength import Strength
from kreg.transforms._graph import config_of
from kreg.transforms._twins import translated

Position = tuple[str | int, ...]

# Found once for each class: making an instance costs a millisecond.
_NAMES: dict[str, tuple[str, ...]] = {}


@dataclasses.dataclass(frozen=True)
class Description:
    """A model, as what stacks and what does not.

    Attributes:
        signature: String, equal for models with the same graph.
        values: The value of each strength, by its position in the config.
        learning_rate: Float, or `None` where it follows a schedule.
    """

    signature: str
    values: dict[Position, float]
    learning_rate: float | None


def describe(model: Any) -> Description:
    """Returns the description of a compiled Sequential or Functional model."""
    tree = config_tree(model)
    learning_rate = _take_learning_rate(tree)
    values = _take_strengths(tree)
    tree["python"] = [*_python.of_layers(model), *_python.of_compilation(model)]
    text = json.dumps(_canonical(tree), sort_keys=True, default=_opaque)
    return Description(text, values, learning_rate)


def config_tree(model: Any) -> dict[str, Any]:
    """Returns the configs of a model and of what it was compiled with."""
    config = config_of(model) if has_named_layers(model) else {}
    # Python code that differs does not show: equal to itself alone.
    is_readable = "layers" in config
    tree = translated(config) if is_readable else {"identity": id(model)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*includes a `lambda`.*")
        compiled = model.get_compile_config() if model.compiled else None
    # Keras's Dropout(0) has no generator; its twin in kreg has.
    flags = [v.trainable for v in model.variables if not is_seed(v)]
    return {"model": tree, "compile": compiled, "trainable": flags}


def is_seed(variable: keras.Variable) -> bool:
    """Tells whether a variable is the state of a random generator."""
    return variable.name == "seed_generator_state"


def has_config(model: Any) -> bool:
    """Tells whether the config of a model says all about its graph."""
    return has_named_layers(model) and "layers" in config_of(model)


def read_strengths(tree: Any) -> dict[Position, float]:
    """Returns the values of all strengths that stand in a config tree."""
    return {
        position: float(node[key])
        for position, node, key in _strengths_in(tree, ())
    }


def _take_strengths(tree: Any) -> dict[Position, float]:
    values = {}
    for position, node, key in list(_strengths_in(tree, ())):
        values[position] = float(node[key])
        node[key] = None
    return values


def _strengths_in(tree: Any, position: Position) -> Any:
    """Yields `(position, dict, key)` for each strength in a config tree."""
    if isinstance(tree, dict):
        name, config = tree.get("registered_name"), tree.get("config")
        if isinstance(config, dict):
            for key in _names_of_strengths(tree, name, config):
                if isinstance(config.get(key), (int, float)):
                    yield (*position, "config", key), config, key
        for key, value in tree.items():
            yield from _strengths_in(value, (*position, key))
    elif isinstance(tree, (list, tuple)):
        for index, value in enumerate(tree):
            yield from _strengths_in(value, (*position, index))


def _names_of_strengths(
    tree: dict[str, Any], name: str | None, config: dict[str, Any]
) -> tuple[str, ...]:
    if name is not None:
        return _strength_names(name, config)
    return (_label_smoothing.NAME,) if is_smoothed(tree) else ()


def _strength_names(
    registered_name: str, config: dict[str, Any]
) -> tuple[str, ...]:
    """Returns the constructor arguments of a class that become Strengths."""
    if registered_name not in _NAMES:
        cls = keras.saving.get_registered_object(registered_name)
        held: dict[str, Any] = {}
        if isinstance(cls, type) and issubclass(cls, keras.layers.Layer):
            instance: Any = cls.from_config(dict(config))  # type: ignore[attr-defined]
            held = dict(vars(instance))
        _NAMES[registered_name] = tuple(
            name for name, value in held.items() if isinstance(value, Strength)
        )
    return _NAMES[registered_name]


def _take_learning_rate(tree: Any) -> float | None:
    optimizer = (tree["compile"] or {}).get("optimizer")
    while isinstance(optimizer, dict):
        config = optimizer.get("config", {})
        rate = config.get("learning_rate")
        if isinstance(rate, (int, float)) and not isinstance(
            config.get("optimizer"), dict
        ):
            config["learning_rate"] = None
            return float(rate)
        optimizer = config.get("optimizer")
    return None


def _canonical(tree: Any) -> Any:
    """Returns a config in which names that Keras numbered do not matter."""
    names: dict[str, str] = {}
    _collect_names(tree["model"], names)
    return _renamed(tree, names)


def _collect_names(tree: Any, names: dict[str, str]) -> None:
    if isinstance(tree, dict):
        config = tree.get("config")
        if "class_name" in tree and isinstance(config, dict):
            name = config.get("name")
            if isinstance(name, str):
                names.setdefault(name, f"#{len(names)}")
        for value in tree.values():
            _collect_names(value, names)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            _collect_names(value, names)


def _renamed(tree: Any, names: dict[str, str]) -> Any:
    if isinstance(tree, dict):
        return {
            # Seeds are state, as weights are: rows of the stack.
            names.get(str(key), str(key)): (
                None if key == "seed" else _renamed(value, names)
            )
            for key, value in tree.items()
            if not (key == "name" and isinstance(value, str))
        }
    if isinstance(tree, (list, tuple)):
        return [_renamed(value, names) for value in tree]
    if isinstance(tree, str):
        return names.get(tree, tree)
    return tree


def _opaque(value: Any) -> str:
    return f"{type(value).__name__}:{value!r}"

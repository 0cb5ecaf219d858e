"""What a model does in Python that its config does not tell.

A loss that has a number from a search in its closure, or a layer with an
attribute that `get_config` leaves out, looks in a config like any other of its
kind. Two such models do not have the same graph.
"""

import functools
import hashlib
import inspect
import itertools
import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._structure import walk

_LIBRARIES = {
    "builtins",
    "keras",
    "kreg",
    "jax",
    "numpy",
    "tensorflow",
    "torch",
}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
# What is larger, or hides more, is equal to itself alone.
_LARGEST_ARRAY = 2**16
_MOST_VALUES = 2000


def of_layers(model: Any) -> list[tuple[str, str]]:
    """Returns the class and the state of the layers that have any.

    Args:
        model: Keras model.

    Returns:
        List of tuples of strings, in the order of the model.
    """
    found = []
    for _, layer in walk(model):
        state = [f"{key}={_state(held)}" for key, held in _attributes(layer)]
        if _is_users(type(layer)):
            state.append(_state(type(layer)))
        if state:
            found.append((type(layer).__name__, " ".join(state)))
    return found


def of_compilation(model: Any) -> list[str]:
    """Returns the state of what a model was compiled with, in any order."""
    held = [getattr(model, "loss", None), *model.metrics]
    held.append(getattr(model, "optimizer", None))
    found: set[str] = set()
    seen: set[int] = set()
    while held:
        value = held.pop()
        if id(value) in seen or _is_keras_state(value):
            continue
        seen.add(id(value))
        if _is_written(value):
            found.add(_state(value))
        elif isinstance(value, dict):
            held += value.values()
        elif isinstance(value, (list, tuple)):
            held += value
        elif type(value).__module__.partition(".")[0] == "keras":
            held += vars(value).values() if hasattr(value, "__dict__") else ()
    return sorted(found)


@functools.cache
def _bookkeeping() -> frozenset[str]:
    inputs = keras.Input((1,))
    model = keras.Model(inputs, inputs)
    model.compile("sgd", "mse")
    return frozenset({*vars(keras.layers.Layer()), *vars(model)})


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    is_users, is_adapted = _is_users(type(layer)), hasattr(layer, "adapt")
    for key, held in vars(layer).items():
        if key in _bookkeeping() or key.startswith("_self_"):  # TensorFlow's
            continue
        if callable(getattr(type(layer), key, None)):
            continue  # Keras wraps methods such as `build` for each layer
        if key.endswith("initializer"):
            continue  # the first weights are no part of the graph
        # Else it is in the config, but for what was found in data.
        is_found = is_adapted and ops.is_tensor(held)
        is_mine = is_users or is_found or _is_written(held)
        # What a model is compiled with is no part of its layers.
        is_part = is_mine and not isinstance(layer, keras.Model)
        if is_part or (is_users and isinstance(held, _PLAIN)):
            yield key, held


def _is_users(held: Any) -> bool:
    return (held.__module__ or "").partition(".")[0] not in _LIBRARIES


def _is_written(held: Any) -> bool:
    """Tells whether a user has written the function or the class of `held`."""
    if isinstance(held, (type, types.FunctionType, functools.partial)):
        return isinstance(held, functools.partial) or _is_users(held)
    if isinstance(held, types.MethodType):
        return _is_users(held.__func__)
    if hasattr(held, "__wrapped__"):  # as of a `tf.function`
        return _is_written(inspect.unwrap(held))
    return _is_users(type(held)) and not _is_keras_state(held)


def _is_keras_state(value: Any) -> bool:
    kinds = (keras.Variable, keras.KerasTensor, keras.layers.Layer)
    return isinstance(value, kinds)


def _state(value: Any) -> str:
    return _Reader().read(value)


class _Reader:
    """Says what a value is, so that equal sentences are equal values."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._count = itertools.count()
        self._is_closed_over = False

    def read(self, value: Any) -> str:
        if isinstance(value, _PLAIN):
            return repr(value)
        if id(value) in self._open:
            return "..."
        if next(self._count) > _MOST_VALUES:
            return f"@{id(value)}"
        self._open.add(id(value))
        try:
            return self._read(value)
        finally:
            self._open.remove(id(value))

    def _read(self, value: Any) -> str:
        name = type(value).__name__
        if _is_keras_state(value):
            # Those of a layer are compared otherwise. A function's are others.
            return f"{name}@{id(value)}" if self._is_closed_over else name
        if isinstance(value, np.ndarray) or ops.is_tensor(value):
            return self._array(value)
        if isinstance(value, dict):
            return name + self._pairs(value)
        if isinstance(value, (list, tuple, set, frozenset)):
            parts = [self.read(part) for part in value]
            is_set = isinstance(value, (set, frozenset))
            return name + str(sorted(parts) if is_set else parts)
        if isinstance(value, functools.partial):
            return self._all(value.func, value.args, value.keywords)
        if isinstance(value, types.MethodType):
            return self._all(value.__func__, value.__self__)
        if hasattr(value, "__wrapped__"):
            return self._all(inspect.unwrap(value))
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            code = value
            return self._all(code.co_code, code.co_names, code.co_consts)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, property):
            return self._all(value.fget)
        if isinstance(value, (staticmethod, classmethod)):
            return self._all(value.__func__)
        if isinstance(value, types.ModuleType):
            return value.__name__
        return self._object(value)

    def _all(self, *values: Any) -> str:
        return f"({', '.join(self.read(value) for value in values)})"

    def _pairs(self, values: Any) -> str:
        pairs = [f"{self.read(k)}: {self.read(v)}" for k, v in values.items()]
        return "{" + ", ".join(pairs) + "}"

    def _array(self, value: Any) -> str:
        try:
            array = np.asarray(ops.convert_to_numpy(value))
        except (AttributeError, RuntimeError, TypeError, ValueError):
            # Symbolic: each backend has its own way to say so.
            return f"@{id(value)}"
        if array.nbytes > _LARGEST_ARRAY or array.dtype == object:
            return f"@{id(value)}"
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        return f"{array.shape} {array.dtype} {digest}"

    def _function(self, function: Any) -> str:
        name = f"{function.__module__}.{function.__qualname__}"
        if not _is_users(function):
            return name
        # Not what it finds under a global name: that is not of this model.
        before, self._is_closed_over = self._is_closed_over, True
        try:
            cells = [self._cell(cell) for cell in function.__closure__ or ()]
        finally:
            self._is_closed_over = before
        rest = self._all(
            function.__code__, function.__defaults__, function.__kwdefaults__
        )
        return f"{name} {cells} {rest}"

    def _cell(self, cell: Any) -> str:
        try:
            return self.read(cell.cell_contents)
        except ValueError:  # it is empty
            return "empty"

    def _class(self, cls: type) -> str:
        name = f"{cls.__module__}.{cls.__qualname__}"
        if not _is_users(cls):
            return name
        inner = {
            key: value
            for key, value in vars(cls).items()
            if key in ("__init__", "__call__") or not key.startswith("__")
        }
        return f"{name} {self._all(*cls.__bases__)} {self._pairs(inner)}"

    def _object(self, value: Any) -> str:
        name = self._class(type(value))
        if not hasattr(value, "__dict__"):
            return f"{name}@{id(value)}"
        if not (self._is_closed_over or _is_users(type(value))):
            return name
        held = {k: v for k, v in vars(value).items() if k.strip("_") != "name"}
        return f"{name} {self._pairs(held)}"

"""The whole state of a training in one file: quick to write and to read."""

import json
import os
from typing import Any

import h5py
import keras
import numpy as np
from keras import ops

from kreg._structure import is_built
from kreg.population._signature import config_tree, read_strengths
from kreg.population._unstacking import with_strengths
from kreg.tuners import _files

_INFO = "info"


def save(path: str, model: Any, info: Any) -> None:
    """Writes weights, seeds and the optimizer's state, and `info`.

    Not `save_weights`: that leaves out the seeds, and takes 10 ms or more.

    Args:
        path: String that ends with `.npz`.
        model: Compiled and built model.
        info: Anything that JSON can hold.
    """
    arrays: dict[str, Any] = {
        str(i): _array(v) for i, v in enumerate(_variables(model))
    }
    arrays[_INFO] = np.frombuffer(json.dumps(info).encode(), np.uint8)
    _files.replace(path, lambda temporary: np.savez(temporary, **arrays))


def load(path: str, model: Any) -> Any:
    """Puts a state into a model of the same architecture.

    Args:
        path: String. What `save` wrote.
        model: Compiled and built model.

    Returns:
        The `info` that was saved.
    """
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    with np.load(path) as arrays:
        for index, variable in enumerate(variables):
            variable.assign(arrays[str(index)])
        return json.loads(arrays[_INFO].tobytes())


def save_with_strengths(path: str, model: Any) -> None:
    """Writes a state with the strengths that are numbers in the config."""
    save(path, model, list(read_strengths(config_tree(model)).items()))


def load_with_strengths(path: str, model: Any) -> Any:
    """Returns `model`, or one like it with other strengths, in a state.

    Args:
        path: String. What `save_with_strengths` wrote.
        model: Compiled and built model.
    """
    with np.load(path) as arrays:
        held = json.loads(arrays[_INFO].tobytes())
    strengths = {tuple(position): value for position, value in held}
    model = with_strengths(model, strengths)
    load(path, model)
    return model


def build(model: Any, folder: str) -> None:
    """Makes the weights of a model, if it has none, as in another run.

    Args:
        model: A Keras model.
        folder: The folder of a trial with a model of the same architecture.
    """
    if is_built(model):
        return
    config = _files.read_json(os.path.join(folder, "build_config.json"))
    if not model.built:
        model.build_from_config(config)
    if not is_built(model) and config and "input_shape" in config:
        # Keras builds no subclass of `Model` that has no `build` of its own.
        model(_symbols(config["input_shape"]))


def _symbols(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _symbols(inner) for name, inner in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return keras.KerasTensor(shape)
    return [_symbols(inner) for inner in shape]


def go_on_from(parent: str, model: Any) -> None:
    """Puts the state, or the weights alone, of an earlier run into a model."""
    build(model, os.path.dirname(parent))
    if parent.endswith(".npz"):
        load(parent, model)
        return
    load_weights(parent, model)


def load_weights(path: str, model: Any) -> None:
    """Loads a checkpoint with the state of the optimizer, if it has any."""
    optimizer = model.optimizer
    is_kerass = isinstance(optimizer, keras.optimizers.Optimizer)
    if is_kerass and _has_moments(path):
        # Else Keras warns, and leaves the moments where they are.
        optimizer.build(model.trainable_variables)
    model.load_weights(path)


def _has_moments(path: str) -> bool:
    """Tells whether a checkpoint holds an optimizer that was built.

    One that was not has the number of steps and the learning rate alone.
    """
    with h5py.File(path, "r") as file:
        return len(file.get("optimizer/vars", ())) > 2


def _variables(model: Any) -> list[Any]:
    optimizer = model.optimizer
    return [*model.variables, *(optimizer.variables if optimizer else ())]


def _array(variable: Any) -> np.ndarray:
    array = np.asarray(ops.convert_to_numpy(variable))
    # bfloat16 and the like are none of NumPy's own; float32 holds them.
    return array if array.dtype.kind in "biufc" else array.astype("float32")

"""Weights files as Keras writes them, without Keras for each of them."""

import os
from typing import Any

import h5py
import numpy as np
from keras import ops

from kreg._structure import walk
from kreg.tuners import _files

# Of a larger file, writing the values takes longer than all that Keras does.
_MOST_BYTES = 2**22


# What HDF5 writes at most beside the values: for a file, and for each layer or
# variable, with the groups that it is in.
_BYTES_OF_A_FILE = 2**14
_BYTES_OF_A_PLACE = 2**12


def save_weights(path: str, model: Any) -> None:
    """Writes the weights of a model, or raises `OSError` if there is no room.

    On a full disk HDF5 does not raise: it ends the process when the file is
    closed.
    """
    variables = _variables(model)
    values = sum(int(np.prod(v.shape)) * 8 for v in variables)
    places = len(variables) + len(list(walk(model)))
    _files.reserve(path, values + _BYTES_OF_A_FILE + _BYTES_OF_A_PLACE * places)
    model.save_weights(path)


class WeightFiles:
    """Writes the weights files of many models of one architecture.

    For each layer that Keras saves it makes another to compare with: 14 ms for
    a small network. Here a file serves as the form for all models like the one
    that it was written for: it is copied, and the values are put in their
    places. Which place belongs to which variable is seen from a file of a model
    whose every variable holds a number of its own.
    """

    def __init__(self) -> None:
        self._forms: dict[Any, _Form | None] = {}

    def write(self, path: str, model: Any) -> None:
        """Writes what `model.save_weights(path)` would."""
        variables = _variables(model)
        key = tuple((v.path, tuple(v.shape), str(v.dtype)) for v in variables)
        if key not in self._forms:
            self._forms[key] = _form_of(model, variables, path)
        form = self._forms[key]
        if form is None:
            save_weights(path, model)
        else:
            form.fill(path, variables)


class _Form:
    """A file, and which variable goes where in it.

    Args:
        content: Bytes.
        places: Dict of where values begin to the number of a variable.
    """

    def __init__(self, content: bytes, places: dict[int, int]):
        self._content = content
        self._places = places

    def fill(self, path: str, variables: list[Any]) -> None:
        """Writes a file with the values of `variables`."""
        content = bytearray(self._content)
        for begin, index in self._places.items():
            value = ops.convert_to_numpy(variables[index]).tobytes()
            content[begin : begin + len(value)] = value
        with open(path, "wb") as file:
            file.write(content)


def _form_of(model: Any, variables: list[Any], path: str) -> _Form | None:
    """Returns the form for models like this; `None` if a place is unclear."""
    values = [np.array(ops.convert_to_numpy(v)) for v in variables]
    if sum(value.nbytes for value in values) > _MOST_BYTES:
        return None
    try:
        for index, variable in enumerate(variables):
            variable.assign(np.full(variable.shape, index, variable.dtype))
        save_weights(path, model)
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    places = _places(path, values)
    with open(path, "rb") as file:
        content = file.read()
    os.remove(path)
    return None if places is None else _Form(content, places)


def _places(path: str, values: list[np.ndarray]) -> dict[int, int] | None:
    found: list[tuple[int | None, np.ndarray]] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((item.id.get_offset(), item[...]))

    with h5py.File(path, "r") as file:
        file.visititems(note)
    places: dict[int, int] = {}
    for begin, held in found:
        if begin is None:  # not in one piece
            return None
        if held.dtype.kind not in "iuf" or not held.size:
            return None
        index = int(held.flat[0])
        is_mark = np.all(held == index) and 0 <= index < len(values)
        if not is_mark or index in places.values():
            return None
        value = values[index]
        if (value.shape, value.dtype) != (held.shape, held.dtype):
            return None
        places[begin] = index
    return places


def _variables(model: Any) -> list[Any]:
    held = [*model.variables, *model.metrics_variables]
    if model.optimizer is not None:
        held += model.optimizer.variables
    return list({id(v): v for v in held}.values())

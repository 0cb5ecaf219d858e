"""Takes the memory of variables whose values are kept elsewhere."""

import math
import weakref
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

# Zeros of these are fewer bytes than it is worth to assign them.
_SMALL = 2**18


class Emptied:
    """Lets go of the values of large variables, which must be set before use.

    A Keras variable always has a value; but those of one shape can have one in
    common, which is zero here.
    """

    def __init__(self) -> None:
        self._zeros: dict[tuple[tuple[int, ...], str], Any] = {}
        # By id, as long as they live: variables compare by their values.
        self._met: Any = weakref.WeakValueDictionary()
        self._shared: Any = weakref.WeakValueDictionary()
        self._models: Any = weakref.WeakSet()

    def meet(self, model: Any) -> None:
        """Notes a model: a variable that two have is not taken from them.

        A pretrained network that was made outside of the function that builds
        the models is in each of them, and in those that are yet to come.
        """
        if model in self._models:
            return
        self._models.add(model)
        for variable in filter(_is_large, model.variables):
            met = self._shared if id(variable) in self._met else self._met
            met[id(variable)] = variable

    def empty(self, variables: Iterable[Any]) -> None:
        """Sets large variables to the zeros that all of their shape share."""
        for variable in filter(_is_large, variables):
            if id(variable) in self._shared:
                continue
            shape, dtype = tuple(variable.shape), variable.dtype
            if (shape, dtype) not in self._zeros:
                zeros = np.zeros(shape, "float32")
                self._zeros[shape, dtype] = keras.ops.convert_to_tensor(
                    zeros, dtype
                )
            variable.assign(self._zeros[shape, dtype])


def _is_large(variable: Any) -> bool:
    return math.prod(variable.shape) >= _SMALL

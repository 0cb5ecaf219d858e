"""Takes the memory of variables whose values are kept elsewhere."""

import math
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

    def empty(self, variables: Iterable[Any]) -> None:
        """Sets large variables to the zeros that all of their shape share."""
        for variable in variables:
            shape, dtype = tuple(variable.shape), variable.dtype
            if math.prod(shape) < _SMALL:
                continue
            if (shape, dtype) not in self._zeros:
                zeros = np.zeros(shape, "float32")
                self._zeros[shape, dtype] = keras.ops.convert_to_tensor(
                    zeros, dtype
                )
            variable.assign(self._zeros[shape, dtype])

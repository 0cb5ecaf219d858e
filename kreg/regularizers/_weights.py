"""`Weights`: how much more one weight is penalized than another."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._numerics import cast_like
from kreg._validation import fail

_EXPECTED = (
    "an array of finite non-negative numbers, a function of the variable, or "
    "None"
)


class Weights:
    """Factors of a penalty, one for each weight, or a function that has them.

    Args:
        given: Array, function, what `config` returned, or `None`.
    """

    def __init__(self, given: Any):
        if isinstance(given, dict):
            given = keras.saving.deserialize_keras_object(given)
        self.function = given if callable(given) else None
        self.array: np.ndarray | None = None
        if given is not None and self.function is None:
            self.array = _checked(given)

    def __bool__(self) -> bool:
        return self.function is not None or self.array is not None

    def times(self, strength: Any, x: Any) -> Any:
        """Returns `strength`, times the factors at `x` if there are any."""
        if self.function is not None:
            # Constants to differentiation, as in the adaptive lasso.
            factors = self.function(ops.stop_gradient(x))
            _check_broadcast(
                getattr(factors, "shape", ()),
                x.shape,
                "a function that returns an array",
            )
            return ops.multiply(
                cast_like(strength, x), ops.stop_gradient(cast_like(factors, x))
            )
        if self.array is not None:
            self.check_shape(x.shape)
            return ops.multiply(
                cast_like(strength, x), cast_like(self.array, x)
            )
        return strength

    def check_shape(self, shape: Any) -> None:
        """Raises `ValueError` unless the array broadcasts to `shape`."""
        if self.array is not None:
            _check_broadcast(self.array.shape, shape)

    def config(self) -> dict[str, Any]:
        """Returns the argument `weights` as JSON can hold it, if there is one.

        Without it the config is that of Keras's own penalty.
        """
        if self.function is not None:
            return {"weights": self._serialized_function()}
        return {} if self.array is None else {"weights": self.array.tolist()}

    def _serialized_function(self) -> Any:
        name = keras.saving.get_registered_name(self.function)
        if keras.saving.get_registered_object(name) is not self.function:
            fail(
                "weights",
                "a registered function or an array in order to be saved",
                self.function,
                "Decorate the function with "
                '`@keras.saving.register_keras_serializable("my_package")`, '
                "or pass the array that it returns",
            )
        return keras.saving.serialize_keras_object(self.function)


def _checked(given: Any) -> np.ndarray:
    try:
        array = np.array(ops.convert_to_numpy(given), dtype="float32")
    except (TypeError, ValueError):
        fail("weights", _EXPECTED, given)
    is_fine = np.isfinite(array) & (array >= 0)
    if not np.all(is_fine):
        if array.size > 9:  # which would fill the screen
            bad = float(array[~is_fine][0])
            given = f"array of shape {array.shape} with {bad}"
        fail("weights", _EXPECTED, given)
    return array


def _check_broadcast(given: Any, shape: Any, what: str = "an array") -> None:
    """Raises `ValueError` unless factors of shape `given` broadcast."""
    given, shape = tuple(given), tuple(shape)
    if None in (*given, *shape):  # of activities, while a graph is made
        return
    try:
        fits = np.broadcast_shapes(given, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        fail(
            "weights",
            f"{what} that broadcasts to the penalized shape {shape}",
            f"array of shape {given}",
        )

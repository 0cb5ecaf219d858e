"""The loss over all data and its gradient, with TensorFlow."""

import contextlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def double_precision() -> contextlib.AbstractContextManager:
    """Returns a context in which float64 tensors can be made: any."""
    return contextlib.nullcontext()


def gradients(
    loss: Callable[..., Any], variables: list[Any], data: Any
) -> Callable[[list[Any]], tuple[Any, list[Any]]]:
    """Returns a compiled function of values to a loss and its gradient.

    Args:
        loss: Function of `*data` that reads `variables`, to a scalar.
        variables: Keras variables; the function assigns to them.
        data: Tuple of structures of arrays, what `loss` is called with.
    """

    @tf.function
    def compute(values: list[Any]) -> Any:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            total = loss(*data)
        slopes = tape.gradient(
            total,
            [variable.value for variable in variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return total, [tf.convert_to_tensor(slope) for slope in slopes]

    return compute

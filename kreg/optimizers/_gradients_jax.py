"""The loss over all data and its gradient, with JAX."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import keras


def double_precision() -> contextlib.AbstractContextManager:
    """Returns a context in which float64 tensors can be made."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # its place until JAX 0.8

    return enable_x64()


def gradients(
    loss: Callable[..., Any], variables: list[Any], data: Any
) -> Callable[[list[Any]], tuple[Any, list[Any]]]:
    """Returns a compiled function of values to a loss and its gradient.

    Args:
        loss: Function of `*data` that reads `variables`, to a scalar.
        variables: Keras variables; they stay as they are.
        data: Tuple of structures of arrays, what `loss` is called with.
    """

    def total(values: list[Any], data: Any) -> Any:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return loss(*data)

    compute = jax.jit(jax.value_and_grad(total))
    return lambda values: compute(list(values), data)

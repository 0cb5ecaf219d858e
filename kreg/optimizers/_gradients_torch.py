"""The loss over all data and its gradient, with Torch."""

import contextlib
from collections.abc import Callable
from typing import Any

import torch


def double_precision() -> contextlib.AbstractContextManager:
    """Returns a context in which float64 tensors can be made: any."""
    return contextlib.nullcontext()


def gradients(
    loss: Callable[..., Any], variables: list[Any], data: Any
) -> Callable[[list[Any]], tuple[Any, list[Any]]]:
    """Returns a function of values to a loss and its gradient.

    Args:
        loss: Function of `*data` that reads `variables`, to a scalar.
        variables: Keras variables; the function assigns to them.
        data: Tuple of structures of arrays, what `loss` is called with.
    """

    def compute(values: list[Any]) -> tuple[Any, list[Any]]:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        held = [variable.value for variable in variables]
        total = loss(*data)
        slopes = torch.autograd.grad(total, held, allow_unused=True)
        return total.detach(), [
            torch.zeros_like(parameter) if slope is None else slope
            for slope, parameter in zip(slopes, held, strict=True)
        ]

    return compute

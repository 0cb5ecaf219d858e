"""Calls a layer with other values in place of some of its variables."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def call_with(
    layer: Any, values: list[tuple[Any, Any]], call: Callable[[], Any]
) -> tuple[Any, list[Any], list[tuple[Any, Any]]]:
    """Runs `call` with `values` in place of variables; changes no variable.

    Args:
        layer: The Keras layer that `call` calls.
        values: Pairs of a variable of the layer and the tensor to use for it.
        call: Function without arguments.

    Returns:
        What `call` returned, the losses it added (without those of weight
        regularizers, which the variables themselves still pay), and pairs of
        a variable and the value it would have been given.
    """
    # Those without a substitute are listed too: inside a scope that others
    # opened (`fit` on JAX does) their values would not be found else.
    given = {id(variable): value for variable, value in values}
    before = {
        id(variable): ops.convert_to_tensor(variable)
        for variable in layer.variables
        if id(variable) not in given
    }
    mapping = [
        (variable, given.get(id(variable), before.get(id(variable))))
        for variable in layer.variables
    ]
    with keras.StatelessScope(mapping, collect_losses=True) as scope:
        started = {id(v): scope.get_current_value(v) for v in layer.variables}
        outputs = call()
        losses = list(scope.losses)
    updates = [
        (variable, scope.get_current_value(variable))
        for variable in layer.variables
        if scope.get_current_value(variable) is not started[id(variable)]
    ]
    return outputs, losses, updates

"""Makes the models of a population, and builds them for its data."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kreg._structure import is_built
from kreg._validation import check_layer, fail


def built_once(build: Callable[[], Any], seed: int) -> Any:
    """Returns `build()`, with initial weights and masks drawn from `seed`.

    Keras draws the seeds that nobody gave from Python's generator, whose
    state is put back.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        model = build()
    finally:
        random.setstate(state)
    check_layer(model, "models_or_build")
    return model


def built_models(models: Any, values: Any) -> list[Any]:
    """Returns the models as a list, or raises if they are none."""
    if isinstance(models, keras.Model):
        fail(
            "models_or_build",
            "a list of models, or a function that builds one",
            models,
        )
    if not isinstance(models, Sequence) or not models:
        fail("models_or_build", "at least one model, or a function", models)
    if values is not None:
        fail(
            "values",
            "`None` where models are given: they have their own",
            values,
            "Pass a function that builds one model",
        )
    for model in models:
        check_layer(model, "models_or_build")
    if len({id(model) for model in models}) < len(models):
        fail("models_or_build", "different models", models)
    return list(models)


def count_of(values: Mapping[str, Any] | None) -> int:
    """Returns how many trials `values` are for, or raises."""
    expected = "a mapping of paths to equally many values, at least one"
    if not isinstance(values, Mapping) or not values:
        fail("values", expected, values)
    try:
        counts = {len(given) for given in values.values()}
    except TypeError:
        fail("values", expected, values)
    if len(counts) != 1 or 0 in counts:
        fail("values", expected, values)
    return counts.pop()


def build_for(model: Any, x: Any) -> None:
    """Builds a model for inputs like `x`, if it is not built yet."""
    if not is_built(model):
        model(keras.tree.map_structure(_symbol, x))


def build_metrics(model: Any, example: Any) -> list[str]:
    """Makes the variables of the losses and metrics of a compiled model.

    Args:
        model: Compiled and built Keras model.
        example: Tuple `(x, y, sample_weight)` of arrays, a few samples.

    Returns:
        List of the names of its logs.
    """
    inputs = [
        None if part is None else keras.tree.map_structure(_symbol, part)
        for part in example
    ]
    return list(_Measure(model)(*inputs))


class _Measure(keras.layers.Layer):
    """Runs the loss and the metrics of a model, on symbols: no arithmetic.

    Args:
        model: Keras model, which is none of this layer's parts.
    """

    def __init__(self, model: Any):
        super().__init__()
        self._measured = lambda: model  # a function is not tracked

    def call(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        model = self._measured()
        y_pred = model(x, training=False)
        model.compute_loss(x, y, y_pred, sample_weight)
        return model.compute_metrics(x, y, y_pred, sample_weight)


def _symbol(array: Any) -> keras.KerasTensor:
    shape = (None, *np.shape(array)[1:])
    return keras.KerasTensor(shape, dtype=str(array.dtype))

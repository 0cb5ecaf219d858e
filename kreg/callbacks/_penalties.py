"""What the penalties of a model are worth at this moment."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import ops

from kreg._structure import optimizers_of, walk
from kreg.callbacks._small_penalties import small_penalties


def penalty_in_losses(model: Any) -> float:
    """Sum of the weight penalties that Keras adds to `loss` and `val_loss`."""
    penalized = [
        w for w in model.trainable_variables if w.regularizer is not None
    ]
    total, rest = small_penalties(penalized)
    return total + _total(weight.regularizer(weight) for weight in rest)


def layers_that_add(model: Any) -> list[Any]:
    """Layers that add their penalty while training: not to `val_loss`."""
    layers = [layer for _, layer in walk(model)]
    return [layer for layer in layers if hasattr(layer, "current_penalty")]


def optimizers_that_apply(model: Any) -> list[Any]:
    """Optimizers, such as `Proximal`, that apply a penalty beside the loss."""
    optimizers = [optimizer for _, optimizer in optimizers_of(model)]
    return [o for o in optimizers if hasattr(o, "current_penalty")]


def current(holders: Iterable[Any]) -> float:
    """Sum of the penalties of these holders at the present weights."""
    return _total(holder.current_penalty() for holder in holders)


def has_activity_penalty(model: Any) -> bool:
    """Tells whether any layer of the model penalizes its outputs."""
    return bool(_activity_layers(model))


def activity_penalty(
    model: Any, batches: Callable[[], Iterable[tuple[Any, int]]]
) -> float:
    """Mean activity penalty, as Keras adds it to the loss of these batches.

    Keras mixes it with all other losses of the layers, so it is found as a
    difference: the forward pass with the activity regularizers, less the
    forward pass without. Runs eagerly, at inference.

    Args:
        model: A Keras model.
        batches: Called for an iterable of `(x, size)`: a batch of inputs and
            its number of samples.
    """
    layers = _activity_layers(model)
    regularizers = [layer.activity_regularizer for layer in layers]
    total = 0.0
    samples = 0
    for x, size in batches():
        with_penalty = _losses_of_call(model, x)
        try:
            for layer in layers:
                layer.activity_regularizer = None
            without = _losses_of_call(model, x)
        finally:
            for layer, regularizer in zip(layers, regularizers, strict=True):
                layer.activity_regularizer = regularizer
        total += (with_penalty - without) * size
        samples += size
    return total / samples


def _activity_layers(model: Any) -> list[Any]:
    return [
        layer
        for _, layer in walk(model)
        if getattr(layer, "activity_regularizer", None) is not None
    ]


def _losses_of_call(model: Any, x: Any) -> float:
    x = keras.tree.map_structure(ops.convert_to_tensor, x)
    if keras.backend.backend() == "jax":
        # As Keras's own step has it: there, of a layer that is called twice,
        # only the last call's losses count.
        # Unlike a call, it hands on `training` to a `call` that takes none.
        takes = inspect.signature(model.call).parameters
        _, _, losses = model.stateless_call(
            model.trainable_variables,
            model.non_trainable_variables,
            x,
            return_losses=True,
            **({"training": False} if "training" in takes else {}),
        )
        return _total(losses)
    model(x, training=False)
    return _total(model.losses)


def _total(terms: Iterable[Any]) -> float:
    terms = list(terms)
    if not terms:
        return 0.0
    # One transfer from the device, not one for each term. A loss need not be
    # a scalar: Keras sums it.
    scalars = [ops.sum(t) if len(t.shape) else t for t in terms]
    scalars = [ops.cast(t, "float32") for t in scalars]
    return float(ops.convert_to_numpy(ops.sum(ops.stack(scalars))))

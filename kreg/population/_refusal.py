"""What cannot be trained as one of many in one graph, and why."""

from collections.abc import Sequence
from typing import Any

import keras

from kreg._structure import walk

_BACKENDS = ("tensorflow", "jax")
_STEPS = (
    "train_step",
    "test_step",
    "make_train_function",
    "make_test_function",
)

# Element by element, with the learning rate of each step as an argument: on
# weights that are stacked they do what they do on each alone.
_ELEMENTWISE = (
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Lion",
    "Ftrl",
)


class NotStackable(ValueError):
    """A model that a population cannot train; the message says why.

    Such a model still trains alone, with `fit`.
    """


def refuse_model(model: Any) -> None:
    """Raises `NotStackable` if a population cannot train `model`."""
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise NotStackable(
            f"the {backend} backend cannot map a model over trials; "
            "TensorFlow and JAX can"
        )
    if not model.compiled or getattr(model, "optimizer", None) is None:
        raise NotStackable("it is not compiled with an optimizer")
    for name in _STEPS:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise NotStackable(f"its class overrides `{name}`")
    if model.run_eagerly:
        raise NotStackable("it is compiled with `run_eagerly=True`")
    for path, layer in walk(model):
        if getattr(layer, "stateful", False):
            raise NotStackable(f"its layer `{path}` is stateful")
    if _has_ctc(model) and backend == "tensorflow":
        # Its gradient is a function that TensorFlow cannot map.
        raise NotStackable("the loss CTC cannot be mapped on TensorFlow")
    reason = why_not_optimizer(model.optimizer)
    if reason:
        raise NotStackable(reason)


def _has_ctc(model: Any) -> bool:
    losses = keras.tree.flatten(getattr(model, "loss", None))
    names = ("ctc", keras.losses.ctc)
    return any(
        isinstance(loss, keras.losses.CTC) or loss in names for loss in losses
    )


def steps_of(model: Any) -> int:
    """Returns how many steps the optimizer counts by have been taken.

    0 on JAX, where each trial has a count of its own.
    """
    if keras.backend.backend() != "tensorflow":
        return 0
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def refuse_steps(models: Sequence[Any]) -> None:
    """Raises `NotStackable` if the steps of these models count otherwise."""
    counts = sorted(set(map(steps_of, models)))
    if len(counts) > 1:
        raise NotStackable(
            f"the optimizers of the models have taken {counts} steps, and on "
            "the tensorflow backend those of a population count as one"
        )


def why_not_optimizer(optimizer: Any) -> str | None:
    """Returns why an optimizer cannot update stacked weights, or `None`."""
    name = type(optimizer).__name__
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return "LossScaleOptimizer has one scale for all trials"
    if keras.backend.backend() == "jax":
        frequency = getattr(optimizer, "ema_overwrite_frequency", 1)
        if getattr(optimizer, "use_ema", False) and not frequency:
            return "its optimizer sets the averaged weights at the end of `fit`"
        return None  # mapped over the trials, whatever it does
    if name not in _ELEMENTWISE or type(optimizer) is not getattr(
        keras.optimizers, name
    ):
        return (
            f"on TensorFlow the optimizer {name} cannot update the weights of "
            "many trials at once; on JAX it can"
        )
    for argument in ("use_ema", "gradient_accumulation_steps"):
        if getattr(optimizer, argument, None):
            return f"on TensorFlow `{argument}` of the optimizer is per model"
    if vars(optimizer).get("_exclude_from_weight_decay"):
        return "its optimizer excludes weights from the weight decay"
    return None

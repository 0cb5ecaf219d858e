"""Models whose losses are of their own making."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras

from kreg._structure import walk
from kreg.callbacks._batches import sample_count

# Those of these add every penalty to the loss.
_KNOWN = ("keras.", "kreg.")


def has_own_loss(model: Any) -> bool:
    """Tells whether `val_loss` need not contain the penalties."""
    return _is_own(model, "test_step") or _is_own(model, "compute_loss")


def loss_of(model: Any, batch: tuple[Any, Any, Any]) -> float:
    """Returns the `loss` that `model` reports for `(x, y, sample_weight)`."""
    x, y, sample_weight = batch
    model.reset_metrics()  # Keras 3.13 would go on from the last batch
    if has_own_loss(model):
        # It may rely on what `fit` and `evaluate` do and `test_on_batch` does
        # not: they leave out what is `None`, and hand over tensors.
        logs = model.evaluate(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=sample_count(x),
            verbose=0,
            return_dict=True,
        )
    else:
        logs = model.test_on_batch(x, y, sample_weight, return_dict=True)
    if "loss" not in logs:
        raise RuntimeError(
            "OverfitMonitor needs `loss` in what `test_step` of the model "
            f"returns. Available metrics are: {sorted(logs)}"
        )
    return float(logs["loss"])


def adds_weight_penalties(model: Any, batch: tuple[Any, Any, Any]) -> bool:
    """Tells whether the loss of `model` contains the penalties of weights."""
    holders = [
        w for w in model.trainable_variables if w.regularizer is not None
    ]
    return _hears(model, batch, holders, "regularizer")


def adds_activity_penalties(model: Any, batch: tuple[Any, Any, Any]) -> bool:
    """Tells whether the loss of `model` contains those of activities."""
    holders = [
        layer
        for _, layer in walk(model)
        if getattr(layer, "activity_regularizer", None) is not None
    ]
    return _hears(model, batch, holders, "activity_regularizer")


class _NotANumber(keras.regularizers.Regularizer):
    """What makes every sum that it is in no number."""

    def __call__(self, x: Any) -> Any:
        return keras.ops.convert_to_tensor(math.nan, "float32")


def _hears(model: Any, batch: Any, holders: list[Any], name: str) -> bool:
    # A difference would drown in the noise of a loss that draws samples.
    if not holders:
        return False
    penalties = [getattr(holder, name) for holder in holders]
    try:
        for holder in holders:
            _put(holder, name, _NotANumber())
        with _uncompiled(model):
            return math.isnan(loss_of(model, batch))
    finally:
        for holder, penalty in zip(holders, penalties, strict=True):
            _put(holder, name, penalty)


def _put(holder: Any, name: str, penalty: Any) -> None:
    if isinstance(holder, keras.Layer):
        delattr(holder, name)  # Torch puts only modules in a module's place
    setattr(holder, name, penalty)


@contextlib.contextmanager
def _uncompiled(model: Any) -> Iterator[None]:
    """Lets `model` evaluate eagerly, and keeps what is compiled."""
    compiled, eager = model.test_function, model.run_eagerly
    model.test_function, model.run_eagerly = None, True
    try:
        yield
    finally:
        model.test_function, model.run_eagerly = compiled, eager


def _is_own(model: Any, name: str) -> bool:
    module = getattr(getattr(model, name), "__module__", "") or ""
    return not module.startswith(_KNOWN)

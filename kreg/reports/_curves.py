"""Which curves of a history to draw, as arrays."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kreg import diagnosis

# The first of these that a history has is the curve. Those measured alike,
# without penalties, come first.
_TRAIN = ("train_data_loss", "train_loss", "loss")
_VAL = ("val_data_loss", "val_loss")

_EXPECTED = (
    "a dict of lists with validation losses, as `OverfitMonitor.history` or "
    "Keras's `History.history`"
)


class Curves(NamedTuple):
    """Training and validation loss of each epoch; NaN where missing."""

    epochs: np.ndarray
    train: np.ndarray
    val: np.ndarray
    is_pure: bool  # without penalties

    def diagnose(self) -> diagnosis.Verdict:
        """Returns the verdict on the curves."""
        return diagnosis.diagnose(
            self.train, self.val, epochs=[int(epoch) for epoch in self.epochs]
        )


def curves(history: Any) -> Curves:
    """Picks the curves of a history.

    Args:
        history: Mapping of names to lists of floats, `None` or NaN.

    Returns:
        `Curves`.

    Raises:
        ValueError: If there is no validation loss, or lengths differ.
    """
    if not isinstance(history, Mapping):
        kind = type(history).__name__
        _refuse(f"history={history!r} (of type {kind})")
    val_name = _first(_VAL, history)
    if val_name is None:
        _refuse(f"one with the keys {sorted(map(str, history))}")
    val = _array(history[val_name])
    train_name = _first(_TRAIN, history)
    train = (
        np.full(val.size, np.nan)
        if train_name is None
        else _array(history[train_name])
    )
    epochs = _array(history.get("epoch", range(val.size)))
    if not val.size == train.size == epochs.size:
        sizes = (epochs.size, train.size, val.size)
        _refuse(f"lists of the lengths {sizes}")
    return Curves(epochs, train, val, val_name == "val_data_loss")


def _first(names: Sequence[str], history: Mapping[str, Any]) -> str | None:
    for name in names:
        if name in history and np.isfinite(_array(history[name])).any():
            return name
    return None


def _array(values: Any) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in values], float)


def _refuse(received: str) -> None:
    raise ValueError(
        "Invalid value for argument `history`. Expected "
        f"{_EXPECTED}. Received: {received}"
    )

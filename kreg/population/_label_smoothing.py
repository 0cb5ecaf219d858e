"""The label smoothing of Keras's losses, as a Strength of each trial."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg.layers import ScheduledLabelSmoothing
from kreg.strength import Strength

NAME = "label_smoothing"

_CATEGORICAL = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy")
_BINARY = ("BinaryCrossentropy", "BinaryFocalCrossentropy")


def is_smoothed(config: dict[str, Any]) -> bool:
    """Tells whether the config of a Keras object is of such a loss."""
    names = (*_CATEGORICAL, *_BINARY)
    is_loss = config.get("module") == "keras.losses"
    return is_loss and config.get("class_name") in names


def per_trial(losses: Any) -> tuple[Any, dict[Any, ScheduledLabelSmoothing]]:
    """Replaces the losses of a model by such as read their smoothing.

    Args:
        losses: What a model was compiled with as `loss`.

    Returns:
        Tuple of the same structure with other losses, and a dict of the
        layers that hold their smoothing, by where in the structure they are.
    """
    holders: dict[Any, ScheduledLabelSmoothing] = {}
    changed = []
    for path, loss in keras.tree.flatten_with_path(losses):
        if _is_one(loss):
            value = loss.get_config()[NAME]
            holders[path] = ScheduledLabelSmoothing(value)
            loss = SmoothedLabels(loss, holders[path].label_smoothing)
        changed.append(loss)
    return keras.tree.pack_sequence_as(losses, changed), holders


def with_values(losses: Any, values: dict[Any, float]) -> Any:
    """Returns the losses with other label smoothing.

    Args:
        losses: What a model was compiled with as `loss`.
        values: Dict of the position of a smoothing in the config to another.
    """
    changed = []
    for path, loss in keras.tree.flatten_with_path(losses):
        value = values.get(position_of(path))
        if value is not None:
            loss = type(loss).from_config({**loss.get_config(), NAME: value})
        changed.append(loss)
    return keras.tree.pack_sequence_as(losses, changed)


def position_of(path: Any) -> tuple[Any, ...]:
    """Returns where in a config tree the smoothing of a loss stands."""
    return ("compile", "loss", *path, "config", NAME)


def _is_one(loss: Any) -> bool:
    names = (*_CATEGORICAL, *_BINARY)
    return any(type(loss) is getattr(keras.losses, name) for name in names)


@register
class SmoothedLabels(keras.losses.Loss):
    """A loss of Keras whose label smoothing may be another in each trial.

    Args:
        loss: Loss of Keras with a `label_smoothing`.
        strength: Strength that takes its place.
    """

    def __init__(self, loss: Any, strength: Strength):
        super().__init__(name=loss.name, reduction=loss.reduction)
        self.plain = type(loss).from_config({**loss.get_config(), NAME: 0.0})
        self._is_binary = type(loss).__name__ in _BINARY
        # A function, since what a loss holds is saved as a part of it.
        self._strength: Callable[[], Strength] = lambda: strength

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        """Returns the loss, to labels that are smoothed as Keras does it."""
        labels = ops.convert_to_tensor(y_true, dtype=self.plain.dtype)
        share = ops.cast(self._strength().effective, labels.dtype)
        spread = 0.5 if self._is_binary else 1.0 / labels.shape[-1]
        labels = labels * (1.0 - share) + spread * share
        return self.plain(labels, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Is not called: the loss of Keras reduces by itself."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the loss of Keras."""
        smoothing = {NAME: self._strength().last_known}
        plain = keras.saving.serialize_keras_object(self.plain)
        plain["config"].update(smoothing)
        return {"loss": plain}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns the loss of Keras, whose smoothing is a constant."""
        return keras.saving.deserialize_keras_object(config["loss"])

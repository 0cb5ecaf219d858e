"""Calls what a subclass of a tuner overrides, from inside `fit`."""

from typing import Any

import keras
import keras_tuner

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end")
_EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")


def hooks_of(tuner: Any, trial: Any) -> list[Any]:
    """Returns the callbacks, none if the subclass overrides no hook."""

    def overrides(names: tuple[str, ...]) -> bool:
        return any(
            getattr(type(tuner), name) is not getattr(keras_tuner.Tuner, name)
            for name in names
        )

    if overrides(_BATCH_HOOKS):
        return [_BatchHooks(tuner, trial)]
    return [_EpochHooks(tuner, trial)] if overrides(_EPOCH_HOOKS) else []


class _EpochHooks(keras.callbacks.Callback):
    def __init__(self, tuner: Any, trial: Any):
        super().__init__()
        self.tuner = tuner
        self.trial = trial

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)


class _BatchHooks(_EpochHooks):
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_end(self.trial, self.model, batch, logs)

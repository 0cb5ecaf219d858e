"""Callbacks of a run that is trained in parts."""

import math
from collections.abc import Sequence
from typing import Any

import keras


class InParts(keras.callbacks.Callback):
    """Calls the callbacks of a run as if it were trained without a pause.

    Each part is a `fit` of its own, which begins and ends; the run does so
    once.

    Args:
        callbacks: List of the callbacks of the run.
        epochs: Integer. The epoch that the run stops before.

    """

    def __init__(self, callbacks: Sequence[Any], epochs: int):
        super().__init__()
        self._callbacks = list(callbacks)
        self._epochs = epochs
        self._model_of_trial: Any = None
        self._have_begun = False
        self._is_last = False

    def set_params(self, params: Any) -> None:
        """Sets what Keras gives callbacks, with the epochs of the run."""
        self._is_last = params["epochs"] >= self._epochs
        for callback in self._callbacks:
            callback.set_params({**params, "epochs": self._epochs})

    def set_model(self, model: Any) -> None:
        """Sets the model of this part."""
        self._model_of_trial = model  # `self.model` would load its weights
        for callback in self._callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Passes it on at the first part."""
        if not self._have_begun:
            self._have_begun = True
            self._call("on_train_begin", logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Passes it on."""
        self._call("on_epoch_begin", epoch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Passes it on."""
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Passes it on."""
        self._call("on_test_end", logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Passes it on, and notes whether the run stops here."""
        self._call("on_epoch_end", epoch, logs)
        is_finite = math.isfinite(logs["loss"])
        if self._model_of_trial.stop_training or not is_finite:
            self._is_last = True

    def on_train_end(self, logs: Any = None) -> None:
        """Passes it on at the last part."""
        if self._have_begun and self._is_last:
            self._call("on_train_end", logs)

    def _call(self, hook: str, *arguments: Any) -> None:
        for callback in self._callbacks:
            getattr(callback, hook)(*arguments)

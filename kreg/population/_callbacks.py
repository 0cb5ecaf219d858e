"""Callbacks in a population: each trial has copies of its own."""

import copy
import functools
from typing import Any

import keras
import numpy as np

from kreg._validation import fail
from kreg.population._rows import Rows
from kreg.population._stack import Stack
from kreg.population._trial_model import Loader, TrialModel

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


def needs_batches(callback: Any) -> bool:
    """Tells whether a callback wants to be called at every batch.

    A population has no host step in between batches. `TerminateOnNaN` is let
    through: that a trial which turns NaN stops is what a population does.
    """
    if isinstance(callback, keras.callbacks.TerminateOnNaN):
        return False
    per_epoch = (
        getattr(callback, "save_freq", None) == "epoch"
        or getattr(callback, "frequency", None) == "epoch"
    )
    overridden = (
        getattr(type(callback), hook)
        is not getattr(keras.callbacks.Callback, hook)
        for hook in _BATCH_HOOKS
    )
    return any(overridden) and not per_epoch


def for_each(given: Any, trials: int) -> list[list[Any]]:
    """Returns the callbacks of each trial: copies, or those that were given.

    Args:
        given: Callbacks, or a list of them for each trial, or `None`.
        trials: Integer. Number of trials.

    Raises:
        ValueError: If one needs batch hooks, or there are too few lists.
    """
    is_each = isinstance(given, (list, tuple)) and any(
        isinstance(held, (list, tuple)) for held in given
    )
    if is_each and len(given) != trials:
        fail("callbacks", f"{trials} lists, one for each trial", given)
    for callback in keras.tree.flatten(given) if given else ():
        if not isinstance(callback, keras.callbacks.Callback):
            fail("callbacks", "callbacks of Keras", callback)
        _refuse_batch_hooks(callback)
    if is_each:
        return [list(held) for held in given]
    flat = keras.tree.flatten(given) if given else []
    return [[copy.deepcopy(c) for c in flat] for _ in range(trials)]


def _refuse_batch_hooks(callback: Any) -> None:
    """Raises `ValueError` if `callback` is to be called at every batch."""
    if needs_batches(callback):
        raise ValueError(
            "Invalid value for argument `callbacks`. Expected callbacks that "
            "act at the ends of epochs, since a population trains an epoch in "
            f"one compiled call. Received: {type(callback).__name__}, which "
            "has batch hooks. Train that model alone, with `fit`."
        )


class TrialCallbacks:
    """Calls the callbacks of each trial with its logs and its model.

    Args:
        callbacks: A list of callbacks for each trial.
        stack: `Stack` of the trials.
        loader: `Loader`.
        params: Dict, what Keras gives callbacks as `params`.
    """

    def __init__(
        self,
        callbacks: list[list[Any]],
        stack: Stack,
        loader: Loader,
        params: dict[str, Any],
    ):
        self._callbacks = callbacks
        self._stack = stack
        self._loader = loader
        self._loaded: tuple[int, Rows] | None = None
        self._is_dirty = False
        self.models = [
            TrialModel(functools.partial(self._load, trial))
            for trial in range(len(callbacks))
        ]
        for trial, held in enumerate(callbacks):
            for callback in held:
                callback.set_params(dict(params))
                callback.set_model(self.models[trial])
            self._unload()

    def __bool__(self) -> bool:
        return any(self._callbacks)

    def call(self, hook: str, trial: int, *arguments: Any) -> None:
        """Calls one hook of all callbacks of a trial, in order."""
        for callback in self._callbacks[trial]:
            getattr(callback, hook)(*arguments)
        self._unload()

    def flush(self) -> None:
        """Sends what callbacks changed in the models to the engine."""
        if self._is_dirty:
            self._stack.flush()
            self._is_dirty = False

    def stopped(self, trial: int) -> bool:
        """Tells whether a callback of the trial asked to stop it."""
        return bool(self.models[trial].stop_training)

    def _load(self, trial: int) -> Any:
        if self._loaded is None or self._loaded[0] != trial:
            self._unload()
            row = self._stack.row_of(trial)
            self._loader.load(row)
            self._loaded = (trial, row)
        return self._loader.model

    def _unload(self) -> None:
        """Takes over what a callback changed in the model it looked at."""
        if self._loaded is None:
            return
        trial, before = self._loaded
        self._loaded = None
        after = self._loader.dump()
        if not _equal(before, after):
            self._stack.set_row(trial, after)
            self._is_dirty = True


def _equal(a: Rows, b: Rows) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        for (_, xs), (_, ys) in zip(a.lists(), b.lists(), strict=True)
        for x, y in zip(xs, ys, strict=True)
    )

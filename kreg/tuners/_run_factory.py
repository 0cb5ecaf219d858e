"""Makes the runs of a trial."""

import copy
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from kreg.tuners import _folds, _seeds
from kreg.tuners._hooks import hooks_of
from kreg.tuners._isolation import as_if_first
from kreg.tuners._runs import Run


class RunFactory:
    """Makes the runs of each trial of a search.

    Args:
        tuner: The tuner.
        fit: The arguments of `search`, by name.
        callbacks: List of the callbacks of `search`.
        rows: List of the rows of each fold, or `None` without folds.
    """

    def __init__(
        self,
        tuner: Any,
        fit: Mapping[str, Any],
        callbacks: Sequence[Any],
        rows: list[_folds.Rows] | None,
    ):
        self._tuner = tuner
        self._epochs = int(fit.get("epochs") or 1)
        self._first_epoch = int(fit.get("initial_epoch") or 0)
        self._callbacks = list(callbacks)
        self._rows = rows
        # Trials of other searches do not go on from one another.
        self._keeps_last = isinstance(tuner, keras_tuner.Hyperband)

    @property
    def runs_per_trial(self) -> int:
        """Integer: executions times folds."""
        return int(self._tuner.executions_per_trial) * len(self._rows or [0])

    def runs_of(self, trial: Any) -> list[Run]:
        """Returns a run for each execution and each fold."""
        folds = range(len(self._rows)) if self._rows else (None,)
        executions = range(self._tuner.executions_per_trial)
        pairs = [(e, fold) for e in executions for fold in folds]
        return [
            self._run(trial, execution, fold, len(pairs) > 1)
            for execution, fold in pairs
        ]

    def _run(
        self, trial: Any, execution: int, fold: int | None, is_one_of: bool
    ) -> Run:
        tuner = self._tuner
        folder = str(tuner.get_trial_dir(trial.trial_id))
        values = trial.hyperparameters.values
        parts = [execution] if fold is None else [execution, fold]
        suffix = "".join(f"_{p}" for p in parts) if is_one_of else ""
        return Run(
            trial_id=trial.trial_id,
            hyperparameters=trial.hyperparameters,
            execution=execution,
            fold=fold,
            rows=None if fold is None or not self._rows else self._rows[fold],
            seed=int(tuner.oracle.seed) + execution,
            make_model=self._make_model,
            callbacks=[
                *self._copied(trial, execution, fold),
                *hooks_of(tuner, trial),
            ],
            initial_epoch=values.get("tuner/initial_epoch", self._first_epoch),
            epochs=values.get("tuner/epochs", self._epochs),
            parent=self._parent(values.get("tuner/trial_id"), suffix),
            folder=folder,
            weights=os.path.join(folder, f"checkpoint{suffix}.weights.h5"),
            last=os.path.join(folder, f"last{suffix}.npz")
            if self._keeps_last
            else None,
            has_own_epochs="tuner/epochs" in values,
        )

    def _make_model(self, run: Run) -> Any:
        return build(self._tuner, run.hyperparameters, run.seed)

    def _parent(self, trial_id: str | None, suffix: str) -> str | None:
        if not trial_id:
            return None
        folder = str(self._tuner.get_trial_dir(trial_id))
        last = os.path.join(folder, f"last{suffix}.npz")
        if os.path.exists(last):
            return last
        return os.path.join(folder, "checkpoint.weights.h5")

    def _copied(
        self, trial: Any, execution: int, fold: int | None
    ) -> list[Any]:
        try:
            callbacks = copy.deepcopy(self._callbacks)
        except Exception as error:
            raise keras_tuner.errors.FatalValueError(
                "Every run of a search has callbacks of its own. Expected "
                "callbacks that `copy.deepcopy` can copy: open files and locks "
                f"in `on_train_begin`. Received: {self._callbacks!r}"
            ) from error
        if any(isinstance(c, keras.callbacks.TensorBoard) for c in callbacks):
            index = execution * len(self._rows or [0]) + (fold or 0)
            # Gives each run a folder of its own, with its hyperparameters.
            self._tuner._configure_tensorboard_dir(callbacks, trial, index)
        return callbacks


def build(tuner: Any, hyperparameters: Any, seed: int) -> Any:
    """Returns the compiled model of a trial.

    Not by KerasTuner's own way: that clears Keras's session and collects
    garbage before each model, which takes many times as long as building one.

    Args:
        tuner: The tuner.
        hyperparameters: `keras_tuner.HyperParameters`.
        seed: Integer. Seed of weights and noise.

    Raises:
        FatalTypeError: If the build function returns no model.
        FailedTrialError: If the model is larger than `max_model_size`.
    """
    scope = keras_tuner.engine.tuner.maybe_distribute

    def compiled() -> Any:
        with _seeds.seeded_build(seed), scope(tuner.distribution_strategy):
            model = tuner.hypermodel.build(hyperparameters)
            if not isinstance(model, keras.Model):
                raise keras_tuner.errors.FatalTypeError(
                    "Expected a build function that returns a compiled "
                    f"keras.Model. Received: {model!r} (of type "
                    f"{type(model).__name__})"
                )
            tuner._override_compile_args(model)
        return model

    model = as_if_first(compiled)
    if tuner.max_model_size and model.built:
        size = sum(math.prod(w.shape) for w in model.trainable_weights)
        if size > tuner.max_model_size:
            raise keras_tuner.errors.FailedTrialError(
                f"Oversized model: {size} parameters. Skip model."
            )
    return model

"""Trains each run by itself, with `model.fit`."""

import gc
import os
import statistics
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from kreg.callbacks import OverfitMonitor
from kreg.tuners import _checks, _files, _fit_arguments, _folds, _seeds
from kreg.tuners._fit_arguments import has_own_fit
from kreg.tuners._lenient_monitor import LenientMonitor
from kreg.tuners._outcomes import best_index, numbers_of, outcome_of
from kreg.tuners._recorder import Recorder
from kreg.tuners._runs import Logs, Outcome, Paused, Run
from kreg.tuners._strengths_of import strengths_of

# Dead models are cycles, and the graphs that TensorFlow holds for them large;
# but looking for them takes 0.2 s.
_RUNS_BETWEEN_COLLECTIONS = 8


class OneByOne:
    """The trainer for whatever Keras can train.

    Args:
        hypermodel: `keras_tuner.HyperModel` whose `fit` trains.
        objective: `keras_tuner.Objective` that says which epoch is the best.
        positional: Integer: how many arguments `search` was given without
            names, for a `HyperModel.fit` that calls them otherwise than Keras.
    """

    def __init__(self, hypermodel: Any, objective: Any, positional: int):
        self._hypermodel = hypermodel
        self._objective = objective
        self._positional = positional
        self._count = 0

    def can_train(
        self, model: Any, callbacks: Sequence[Any], fit: Mapping[str, Any]
    ) -> str | None:
        """Returns `None`: it can."""
        return None

    def at_once(
        self, model: Any, fit: Mapping[str, Any], population: Any
    ) -> int:
        """Returns 1: a trial more is better chosen when this one is known."""
        return 1

    def get_ready(
        self, runs: Sequence[Run], size: int, fit: Mapping[str, Any]
    ) -> None:
        """Does nothing: each model is built when it is trained."""

    def train(
        self,
        runs: Sequence[Run],
        until: int,
        fit: Mapping[str, Any],
        folder: str,
        on_epoch_end: Callable[[int, Sequence[Logs]], None],
    ) -> list[Outcome | Paused]:
        """Trains each run to its end; see `Trainer.train`."""
        return [self._try(run, fit, folder, on_epoch_end) for run in runs]

    def _try(
        self, run: Run, fit: Mapping[str, Any], folder: str, on_epoch_end: Any
    ) -> Outcome:
        place = os.path.join(folder, run.name)
        ended = os.path.join(place, "ended.json")
        if os.path.exists(ended):
            return self._outcome(_files.read_json(ended))
        _files.make_folder(place)
        try:
            return self._train(run, fit, place, ended, on_epoch_end)
        except (keras_tuner.errors.FatalError, _files.StorageError):
            raise
        except keras_tuner.errors.FailedTrialError:
            return Outcome(message=traceback.format_exc(), is_final=True)
        except Exception:
            return Outcome(message=traceback.format_exc())
        finally:
            run.release()
            self._count += 1
            if self._count % _RUNS_BETWEEN_COLLECTIONS == 0:
                gc.collect()

    def _train(
        self,
        run: Run,
        fit: Mapping[str, Any],
        place: str,
        ended: str,
        on_epoch_end: Any,
    ) -> Outcome:
        model = run.model
        recorder = Recorder(run, place, self._objective, on_epoch_end)
        own_fit = self._has_own_fit()
        if own_fit or not recorder.resume(model):
            recorder.begin(model)
        logs = recorder.logs
        if own_fit or recorder.next_epoch < run.epochs:
            with _seeds.seeded_fit(run.seed + recorder.next_epoch):
                result = self._fit(run, model, recorder, fit)
            if own_fit:
                logs = _logs_of(result, self._objective)
        recorder.finish(model)
        run.write_build_config(model)
        state = {
            "logs": logs,
            "first_epoch": recorder.first_epoch,
            "strengths": strengths_of(model),
        }
        _files.write_json(ended, state)
        return self._outcome(state)

    def _fit(
        self, run: Run, model: Any, recorder: Recorder, fit: Mapping[str, Any]
    ) -> Any:
        arguments = dict(fit)
        if run.rows is not None:
            arguments = _folds.take(arguments, run.rows)
        arguments["callbacks"] = [
            *self._monitors(run, arguments),
            *run.callbacks,
            recorder,
        ]
        ours = {
            "verbose": 0,
            "epochs": run.epochs,
            "initial_epoch": recorder.next_epoch,
        }
        if self._has_own_fit():  # it may take no other than it was given
            if run.has_own_epochs:
                del ours["verbose"]
            else:
                ours = {}
        arguments.update(ours)
        first = list(arguments)[: self._positional]
        args = [arguments.pop(name) for name in first]
        return self._hypermodel.fit(
            run.hyperparameters, model, *args, **arguments
        )

    def _monitors(
        self, run: Run, fit: Mapping[str, Any]
    ) -> list[OverfitMonitor]:
        given = any(isinstance(c, OverfitMonitor) for c in run.callbacks)
        if given or not _fit_arguments.has_validation(fit, None):
            return []
        names = _checks.names_of(self._objective)
        data = _checks.probe_of(names, fit, self._hypermodel)
        cls = LenientMonitor if self._has_own_fit() else OverfitMonitor
        return [cls(train_data=data, seed=0)]

    def _has_own_fit(self) -> bool:
        return has_own_fit(self._hypermodel)

    def _outcome(self, state: dict[str, Any]) -> Outcome:
        return outcome_of(
            state["logs"],
            state["first_epoch"],
            self._objective,
            state["strengths"],
        )


def _logs_of(result: Any, objective: Any) -> list[dict[str, float]]:
    """Returns the logs in what a `HyperModel.fit` of the user's returned."""
    if isinstance(result, list):  # as of a cross-validation in it
        each = [_best_of(_logs_of(one, objective), objective) for one in result]
        names = dict.fromkeys(name for logs in each for name in logs)
        return [
            {
                n: statistics.fmean(one[n] for one in each if n in one)
                for n in names
            }
        ]
    if isinstance(result, keras.callbacks.History):
        rows: list[dict[str, Any]] = []
        for name, values in result.history.items():
            for epoch, value in enumerate(values):  # some have fewer
                if epoch == len(rows):
                    rows.append({})
                rows[epoch][name] = value
        return [numbers_of(row) for row in rows]
    if isinstance(result, Mapping):
        return [numbers_of(result)]
    if isinstance(result, (int, float, np.floating)):
        return [{objective.name: float(result)}]
    raise keras_tuner.errors.FatalTypeError(
        "Expected `HyperModel.fit` to return a History, a dict of metrics, a "
        f"float, or a list of these. Received: {result!r} (of type "
        f"{type(result).__name__})"
    )


def _best_of(logs: list[dict[str, float]], objective: Any) -> dict[str, float]:
    return logs[best_index(logs, objective) or 0] if logs else {}

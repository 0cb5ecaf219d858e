"""What kreg's tuners do otherwise than KerasTuner's."""

import json
import os
from typing import Any

import keras_tuner

from kreg._validation import check_count, fail
from kreg.tuners import (
    _argument_checks,
    _checks,
    _files,
    _fit_arguments,
    _folds,
    _project,
    _results,
    _selection,
    _snapshot,
)
from kreg.tuners._lenient_monitor import LenientMonitor
from kreg.tuners._results import TrialResult
from kreg.tuners._run_factory import build
from kreg.tuners._search import Search

_ID = "KERASTUNER_TUNER_ID"
_ALL = 2**31 - 1  # as many trials as a chief can be asked for


class WaveTuner(keras_tuner.Tuner):
    """Mixin for a tuner of KerasTuner: trials in waves, and honest results.

    All trials start from the same random numbers: two trials of one
    architecture have equal initial weights, batches and dropout masks, so that
    what differs between them is due to their hyperparameters. The executions
    of a trial have different ones.

    What the build function returns is the search's own: large weights are taken
    from it once they are kept elsewhere, unless they are frozen or in several
    models. `get_best_models` gives them back.

    A subclass that overrides `run_trial` is searched as KerasTuner does it,
    and so is a search with a chief and workers.
    """

    def _open(
        self,
        oracle: Any,
        hypermodel: Any,
        population: Any,
        folds: Any,
        select: Any,
        **kwargs: Any,
    ) -> None:
        """Opens the project. In place of the `__init__` of KerasTuner's."""
        _argument_checks.check_known(kwargs)
        self.population = _checks.check_population(population)
        self.folds = _folds.check_folds(folds)
        executions = check_count(
            kwargs.get("executions_per_trial", 1), "executions_per_trial"
        )
        runs = executions * (self.folds or 1)
        self.select = _selection.check_select(select, runs)
        self._space: list[dict[str, Any]] | None = None
        self._saved: str | None = None
        self._gate = os.environ.get(_ID, "tuner0") + ".json"
        folder = os.path.join(
            str(kwargs.get("directory") or "."),
            kwargs.get("project_name") or "untitled_project",
        )
        if hypermodel is None and not self._has_own_run:
            fail("hypermodel", "one, unless `run_trial` is overridden", None)
        self._seed = int(oracle.seed)  # a worker cannot ask for it
        if not _is_worker():
            overwrite = kwargs.get("overwrite", False)
            name = type(self).__name__
            _project.open_folder(folder, name, self._gate, overwrite)
        keras_tuner.Tuner.__init__(self, oracle, hypermodel, **kwargs)
        if self._space is None:
            self._space = _project.describe(oracle.hyperparameters.space)

    @property
    def has_own_fit(self) -> bool:
        """Boolean: whether the user's `HyperModel` has its own `fit`."""
        return _fit_arguments.has_own_fit(self.hypermodel)

    @property
    def _has_own_run(self) -> bool:
        # AutoKeras, and others as it does, override what `run_trial` calls.
        names = ("run_trial", "_build_and_fit_model")
        return any(
            getattr(type(self), name) is not getattr(WaveTuner, name)
            for name in names
        )

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches; takes the arguments of `model.fit`.

        Args:
            *fit_args: As for `model.fit`.
            **fit_kwargs: As for `model.fit`. Each run has its own copies of
                `callbacks`. `verbose=0` is quiet, anything else shows one line.

        Raises:
            ValueError: Before the first trial, if the logs will not have the
                objective, there is nothing to tune, or there are `folds` and
                the data is no arrays.
        """
        if self._has_own_run or _is_distributed():
            if self.folds is not None:
                fail(
                    "folds",
                    "`None` where `run_trial` is overridden, or a chief hands "
                    "out the trials",
                    self.folds,
                )
            super().search(*fit_args, **fit_kwargs)
            return
        Search(self, fit_args, fit_kwargs).run()

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Trains one trial as KerasTuner does; for subclasses, and workers.

        Args:
            trial: A `Trial` of the oracle.
            *fit_args: As for `search`.
            **fit_kwargs: As for `search`.
        """
        names = _checks.names_of(self.oracle.objective)
        given = _fit_arguments.callbacks_of(fit_kwargs.get("callbacks"))
        if _checks.needs_monitor(names, given):
            fit = _fit_arguments.by_name(fit_args, fit_kwargs, self.hypermodel)
            data = _checks.probe_of(names, fit, self.hypermodel)
            monitor = LenientMonitor(train_data=data, seed=0)
            fit_kwargs["callbacks"] = [monitor, *given]
        return super().run_trial(trial, *fit_args, **fit_kwargs)

    @property
    def results(self) -> list[TrialResult]:
        """List of a `TrialResult` for each trial, in the order of start.

        In a worker, of the trials that have been completed.
        """
        if _is_worker():  # what the chief gives
            trials = self.oracle.get_best_trials(_ALL)
        else:
            trials = self.oracle.trials.values()
        return [
            _results.read(str(self.get_trial_dir(trial.trial_id)), trial)
            for trial in sorted(trials, key=lambda trial: trial.trial_id)
        ]

    def results_summary(
        self, num_trials: int = 10, by: str = "objective"
    ) -> None:
        """Prints the trials in order.

        Args:
            num_trials: Integer. How many to print at most.
            by: `"objective"`: from the best to the worst; `"spread"` or
                `"generalization_gap"`: from the least to the greatest;
                `"overfitting"`: from the weakest to the strongest overfit.

        Raises:
            ValueError: If `by` is none of these.
        """
        direction = self.oracle.objective.direction
        ranked = _results.ranked(self.results, by, direction)
        print("Results summary")
        print(f"Results in {self.project_dir}")
        print(f"Showing {num_trials} trials, ranked by {by}")
        print(f"{self.oracle.objective}")
        for result in ranked[:num_trials]:
            print()
            self.oracle.get_trial(result.trial_id).summary()
            for line in _results.lines_of(result):
                print(line)

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[Any]:
        """Returns the hyperparameters of the best trials, by `select`.

        Args:
            num_trials: Integer. How many at most.

        Returns:
            List of `keras_tuner.HyperParameters`.
        """
        return [t.hyperparameters for t in self._best_trials(num_trials)]

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """Returns the models of the best trials, by `select`.

        Args:
            num_models: Integer. How many at most.

        Returns:
            List of compiled models with the weights of their best epochs.
        """
        return [self.load_model(t) for t in self._best_trials(num_models)]

    def _best_trials(self, count: int) -> list[Any]:
        best = self.oracle.get_best_trials(_ALL)
        if self.select == "one_standard_error":
            direction = self.oracle.objective.direction
            chosen = _selection.one_standard_error(self.results, direction)
            if chosen is not None:
                first = self.oracle.get_trial(chosen.trial_id)
                best = [first, *(t for t in best if t is not first)]
        return best[:count]

    def load_model(self, trial: Any) -> Any:
        """Returns the model of a trial with the weights of its best epoch.

        Args:
            trial: A `Trial` of the oracle.
        """
        folder = str(self.get_trial_dir(trial.trial_id))
        model = build(self, trial.hyperparameters, self._seed)
        path = os.path.join(folder, "checkpoint.weights.h5")
        scope = keras_tuner.engine.tuner.maybe_distribute
        with scope(self.distribution_strategy):
            _snapshot.build(model, folder)
            _snapshot.load_weights(path, model)
        return model

    def save(self) -> None:
        """Writes the oracle's state and, where it has changed, the tuner's."""
        folder = str(self.project_dir)
        if not _is_worker():
            name, objective = type(self).__name__, self.oracle.objective
            _project.begin(folder, name, objective, self._space or [])
            self.oracle.save()
        state = json.dumps(self.get_state())
        if state != self._saved:
            for file in {self._gate, f"{self.tuner_id}.json"}:
                _files.write_json(os.path.join(folder, file), self.get_state())
            self._saved = state

    def reload(self) -> None:
        """Reads the project; refuses one that was searched otherwise."""
        if self._space is None and not _is_worker():
            self._populate_initial_space()  # as it is declared now
            self._space = _project.describe(self.oracle.hyperparameters.space)
            folder, objective = str(self.project_dir), self.oracle.objective
            _project.check_is_alike(folder, objective, self._space)
        super().reload()


def _is_distributed() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ


def _is_worker() -> bool:
    """Tells whether a chief, in another process, has the oracle."""
    return _is_distributed() and "chief" not in os.environ[_ID]

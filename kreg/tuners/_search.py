"""One call of `search`: waves of trials, trained together and reported."""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

from kreg.tuners import (
    _argument_checks,
    _checks,
    _files,
    _fit_arguments,
    _folds,
    _reporting,
    _unreported,
    _waves,
)
from kreg.tuners._progress import Progress
from kreg.tuners._run_factory import RunFactory, build
from kreg.tuners._runs import Outcome, Paused, Run, Trainer, Wave
from kreg.tuners._trainers import trainers_of


class Search:
    """Asks the oracle for trials, trains them and reports them.

    A *wave* is what is trained before more is asked for. Everything that can
    be known to be wrong is refused here, before the first trial.

    Args:
        tuner: The tuner.
        args: What `search` was given without names.
        kwargs: What it was given by name.
    """

    def __init__(
        self, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ):
        self._tuner, self._oracle = tuner, tuner.oracle
        fit = _fit_arguments.by_name(args, kwargs, tuner.hypermodel)
        callbacks = _fit_arguments.callbacks_of(fit.pop("callbacks", None))
        self._fit = fit
        rows = None
        if tuner.folds is not None:
            count = _folds.check_data(fit, tuner.folds)
            rows = _folds.rows_of_folds(count, tuner.folds, self._oracle.seed)
        self._trainers = trainers_of(tuner, fit, len(args))
        self._factory = RunFactory(tuner, fit, callbacks, rows)
        self._at_once = 1
        self._known: dict[str, Outcome | Paused] = {}
        if not tuner.has_own_fit:  # else nothing is known before the first run
            _checks.check_space(self._oracle)
            self._look_at_a_model(callbacks)

    def _look_at_a_model(self, callbacks: Sequence[Any]) -> None:
        tuner, oracle, fit = self._tuner, self._oracle, self._fit
        space = oracle.get_space()
        try:
            model = build(tuner, space, oracle.seed)
        except keras_tuner.errors.FailedTrialError:
            return  # the model of the defaults is not wanted; others may be
        if not _checks.has_own_step(model):
            _argument_checks.check_search(model, fit, callbacks)
        has_validation = _fit_arguments.has_validation(fit, tuner.folds)
        _checks.check_is_logged(
            oracle.objective, model, fit, has_validation, callbacks
        )
        if oracle.allow_new_entries:
            # What the model declares when it is called, as it has been now.
            oracle.update_space(space)
        trainer = next(
            t
            for t in self._trainers
            if t.can_train(model, callbacks, fit) is None
        )
        models = trainer.at_once(model, fit, tuner.population)
        trials = max(1, models // self._factory.runs_per_trial)
        if tuner.population == "auto":
            trials = _waves.even(oracle.max_trials, trials)
        self._at_once = trials

    def run(self) -> None:
        """Searches until the oracle has no more trials."""
        tuner, oracle = self._tuner, self._oracle
        oracle.verbose = 0  # one line is enough, and it is ours
        oracle.take_back()
        tuner.save()
        if oracle.unfinished:
            self._known = _unreported.read(self._folder, oracle.trials)
        else:
            _unreported.forget(self._folder, {})
        progress = Progress(oracle, self._fit.get("verbose", 1) == 0)
        tuner.on_search_begin()
        asked: Wave = []
        try:
            while asked := [*asked, *self._ask(len(asked), progress)]:
                # Trials that are tried again come last; but after a kill, in
                # their order, and the state of a wave is kept row by row.
                asked.sort(key=lambda each: each[0].trial_id)
                room = _waves.largest_rung(oracle.trials.values())
                wave, until = _waves.next_wave(asked, room)
                progress.on_wave(len(wave))
                ended = self._run_wave(wave, until, progress)
                asked = [each for each in asked if each not in ended]
        finally:
            progress.close()
        tuner.on_search_end()

    def _ask(self, waiting: int, progress: Progress) -> Wave:
        """Returns the next trials; none when the oracle has no more.

        Args:
            waiting: Integer: how many have been asked for, but not run yet.
            progress: `Progress`.
        """
        wave: Wave = []
        # After a kill, the trials that had been asked for come first, by
        # themselves: their trainer has kept them together.
        count = self._oracle.unfinished or self._at_once - waiting
        with self._oracle.held():
            while len(wave) < count:
                self._tuner.pre_create_trial()
                trial = self._oracle.create_trial(self._free_id())
                if trial.status != "RUNNING":
                    break  # the oracle waits for some to end, or is done
                self._tuner.on_trial_begin(trial)
                wave.append((trial, self._runs_of(trial)))
                if count > 1:
                    self._learn(*wave[-1])
                if len(wave) == 2:
                    self._get_ready(wave, count, progress)
        return wave

    def _runs_of(self, trial: Any) -> list[Run]:
        runs = self._factory.runs_of(trial)
        for run in runs:
            known = self._known.get(run.name)
            run.paused = known if isinstance(known, Paused) else None
        return runs

    def _free_id(self) -> str:
        """Returns a name for a worker that has no trial."""
        numbers = itertools.count()
        names = (f"{self._tuner.tuner_id}.{number}" for number in numbers)
        return next(n for n in names if n not in self._oracle.ongoing_trials)

    def _get_ready(self, begun: Wave, count: int, progress: Progress) -> None:
        """Has a trainer get ready for a wave of which two trials are known."""
        oracle = self._oracle
        if not oracle.max_trials:  # nobody knows how many there will be
            return
        left = oracle.max_trials - len(oracle.trials) + len(begun)
        size = min(count, left) * self._factory.runs_per_trial
        runs = [run for _, of_trial in begun for run in of_trial]
        trainer = self._trainer_of(runs[0], progress)
        trainer.get_ready(runs, size, self._fit)

    def _learn(self, trial: Any, runs: Sequence[Run]) -> None:
        """Tells the oracle what hyperparameters a model has declared."""
        try:
            _ = runs[0].model
        except Exception:  # its trainer will say what is wrong with it
            return
        self._oracle.learn(trial)

    def _run_wave(self, wave: Wave, until: int, progress: Progress) -> Wave:
        """Trains trials up to an epoch; returns those that have ended."""
        self._train_what_is_not_known(wave, until, progress)
        ended: Wave = []
        errors = []
        with self._oracle.held():
            for trial, runs in wave:
                found = [self._known[run.name] for run in runs]
                outcomes = [o for o in found if isinstance(o, Outcome)]
                if len(outcomes) < len(runs):
                    continue
                ended.append((trial, runs))
                _reporting.report(self._oracle, trial, runs, outcomes)
                try:
                    self._tuner.on_trial_end(trial)
                except RuntimeError as error:  # report the others, too
                    errors.append(error)
        progress.on_trials_end([trial for trial, _ in ended])
        for run in itertools.chain(*(runs for _, runs in ended)):
            del self._known[run.name]
        _unreported.forget(self._folder, self._known)
        if errors:
            raise errors[0]
        return ended

    def _train_what_is_not_known(
        self, wave: Wave, until: int, progress: Progress
    ) -> None:
        rest = [
            run
            for run in itertools.chain(*(runs for _, runs in wave))
            if not isinstance(self._known.get(run.name), Outcome)
        ]
        if rest:
            self._known.update(self._train(rest, until, progress))
        for run in rest:
            found = self._known[run.name]
            run.paused = found if isinstance(found, Paused) else None
        if len(wave) > 1 or any(run.paused for run in rest):
            _unreported.write(self._folder, self._known)

    def _train(
        self, runs: Sequence[Run], until: int, progress: Progress
    ) -> dict[str, Outcome | Paused]:
        groups: dict[Any, list[Run]] = {}
        for run in runs:
            trainer = self._trainer_of(run, progress)
            key = (self._trainers.index(trainer), run.next_epoch)
            groups.setdefault(key, []).append(run)
        _files.make_folder(self._folder)
        found: dict[str, Outcome | Paused] = {}
        for (index, _), together in groups.items():
            results = self._trainers[index].train(
                together, until, self._fit, self._folder, progress.on_epoch_end
            )
            names = [run.name for run in together]
            found.update(zip(names, results, strict=True))
        return found

    def _trainer_of(self, run: Run, progress: Progress) -> Trainer:
        *quick, last = self._trainers
        if not quick:
            return last
        try:
            model = run.model
        except Exception:  # the last one says what is wrong with it
            return last
        for trainer in quick:
            reason = trainer.can_train(model, run.callbacks, self._fit)
            if reason is None:
                return trainer
            progress.say(f"Training one by one: {reason}.")
        return last

    @property
    def _folder(self) -> str:
        return os.path.join(self._tuner.project_dir, "in_progress")

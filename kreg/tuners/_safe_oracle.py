"""What kreg's oracles do otherwise than KerasTuner's: survive a `kill -9`.

The one module that overrides private names of KerasTuner 1.4.8, since its
public names do not reach them:

- `_save_trial`: writes `trial.json` in place, so that a kill leaves it empty;
- `_check_consecutive_failures`: counts a trial whose loss became NaN as a
  failure of the user's code, and raises before the trial is saved;
- `_seed_state`: is random where the seed is 0;
- `_record_values`: is to be called when a trial has got another value;
- `_retry_queue` and `_run_times` are read and mended when a project opens.
"""

import contextlib
import glob
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner

from kreg.tuners import _files

# A key of oracle.json that KerasTuner passes over: the states of trials that
# were asked for together. It makes asking for many trials one write.
_ASKED = "kreg_asked"

_ENDED = ("COMPLETED", "FAILED")


class SafeOracle(keras_tuner.Oracle):
    """Mixin for an oracle of KerasTuner: write little, and lose nothing.

    Two files tell what became of a trial. `oracle.json` is written when trials
    have been asked for, and holds them until each has a file of its own.
    `trial_*/trial.json` is written when its trial has ended. Both are replaced
    as a whole, and each alone is enough to go on from.
    """

    trials: dict[str, Any]
    end_order: list[str]
    _is_held = False
    _unsaved: dict[str, Any] | None = None  # trials that have no file yet
    _writes_trials = True

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._keep_seed(kwargs.get("seed"))

    def _keep_seed(self, seed: int | None) -> None:
        """Sets the seed 0, in whose place KerasTuner takes a random one."""
        if seed is not None and seed == 0:
            self.seed = self._seed_state = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Writes `oracle.json` once, at the end, for all that is done inside.

        Trials that are asked for inside get their files then, too.
        """
        if self._is_held:
            yield
            return
        self._is_held, self._unsaved = True, {}
        try:
            yield
        finally:
            asked, self._is_held = self._unsaved, False
            states = {id: trial.get_state() for id, trial in asked.items()}
            self._write({**self.get_state(), _ASKED: states})
            self._unsaved = None
            for trial in asked.values():
                self._save_trial(trial)

    def save(self) -> None:
        """Writes `oracle.json`, unless it is held back."""
        if not self._is_held:
            self._write(self.get_state())

    def _write(self, state: dict[str, Any]) -> None:
        _files.write_json(os.path.join(self._project_dir, "oracle.json"), state)

    def _save_trial(self, trial: Any) -> None:
        if not self._writes_trials:
            return
        if self._unsaved is not None and trial.status == "RUNNING":
            self._unsaved[trial.trial_id] = trial
            return
        folder = os.path.join(self._project_dir, f"trial_{trial.trial_id}")
        _files.make_folder(folder)
        path = os.path.join(folder, "trial.json")
        _files.write_json(path, trial.get_state())

    def create_trial(self, tuner_id: str) -> Any:
        """Returns a trial to run; a retried one has no metrics yet."""
        with self.held():
            retried = list(self._retry_queue)
            create = super().create_trial
            trial = self._locked(lambda: create(tuner_id))
            if trial.trial_id in retried:
                # Else the new metrics would be averaged with the old ones.
                trial.metrics = type(trial.metrics)()
                trial.score, trial.message = None, None
        return trial

    def learn(self, trial: Any) -> None:
        """Takes over the hyperparameters that a trial's model has declared.

        For the trials that are asked for before this one has ended. KerasTuner
        takes them over when it has, and its next trial has values for them.
        """
        if self.allow_new_entries:  # else `end_trial` refuses new ones
            self.update_space(trial.hyperparameters)
            self._record_values(trial)

    def update_trial(
        self, trial_id: str, metrics: dict[str, float], step: int = 0
    ) -> Any:
        """Takes metrics of a trial, to be written when it ends."""
        update = super().update_trial

        def unwritten() -> Any:
            self._writes_trials = False
            try:
                return update(trial_id, metrics, step)
            finally:
                self._writes_trials = True

        return self._locked(unwritten)

    def end_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """Ends a trial; raises if the user's code failed several in a row."""
        end = super().end_trial
        self._locked(lambda: end(trial, *args, **kwargs))
        self._refuse_failures()

    def _check_consecutive_failures(self) -> None:
        return  # not yet: the trial is not written. See `end_trial`.

    def _refuse_failures(self) -> None:
        """Raises if the last trials failed other than by a NaN."""
        count = self.max_consecutive_failed_trials
        last = [self.trials[id] for id in self.end_order[-count:]]
        if len(last) == count and all(
            t.status == "FAILED" and t.score is None for t in last
        ):
            raise RuntimeError(
                f"The last {count} trials failed "
                "(`max_consecutive_failed_trials`), the last one with:\n"
                f"{last[-1].message or ''}"
            )

    def _locked(self, call: Callable[[], Any]) -> Any:
        # KerasTuner's lock stays locked after an exception; so let none reach
        # it.
        @keras_tuner.synchronized
        def guarded(oracle: Any) -> tuple[Any, BaseException | None]:
            try:
                return call(), None
            except BaseException as error:
                return None, error

        result, error = guarded(self)
        if error is not None:
            raise error
        return result

    def reload(self) -> None:
        """Reads the project, and mends what a kill has left undone."""
        project = self._project_dir
        state = _files.read_json(os.path.join(project, "oracle.json"))
        for trial_id, trial in state.get(_ASKED, {}).items():
            folder = os.path.join(project, f"trial_{trial_id}")
            path = os.path.join(folder, "trial.json")
            if not os.path.exists(path):
                _files.make_folder(folder)
                _files.write_json(path, trial)
        for path in glob.glob(
            os.path.join(glob.escape(project), "trial_*", "trial.json")
        ):
            state = _files.read_json(path)  # names a damaged one
            # KerasTuner's own look for them misses paths with brackets.
            trial = keras_tuner.engine.trial.Trial.from_state(state)
            self.trials[trial.trial_id] = trial
        super().reload()
        self._mend()

    def _mend(self) -> None:
        """Makes the order of the trials follow from their own files."""
        trials = dict(sorted(self.trials.items()))
        ended = [id for id, t in trials.items() if t.status in _ENDED]
        unfinished = [id for id in trials if id not in ended]
        self.trials = trials
        self.start_order += [id for id in trials if id not in self.start_order]
        self.end_order = [id for id in self.end_order if id in ended]
        self.end_order += [id for id in ended if id not in self.end_order]
        for trial_id in ended:
            self._run_times[trial_id] = max(1, self._run_times[trial_id])
        for trial_id in unfinished:
            self._record_values(self.trials[trial_id])
        # KerasTuner takes from the end: the first trial first.
        self._retry_queue = unfinished[::-1]

    def take_back(self) -> None:
        """Has trials that nobody trains any more be asked for again, first.

        An interrupted search has left them in memory, where the next one of the
        same tuner, as in a notebook, would take them for running.
        """
        if self.ongoing_trials:
            self.ongoing_trials.clear()
            self._mend()

    @property
    def unfinished(self) -> int:
        """Integer: how many trials wait to be run again."""
        return len(self._retry_queue)

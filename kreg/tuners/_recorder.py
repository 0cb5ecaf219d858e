"""Rides along with `fit`: records, and keeps what is needed to go on."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import keras

from kreg.tuners import _files, _snapshot
from kreg.tuners._outcomes import best_index, numbers_of
from kreg.tuners._runs import Logs, Run
from kreg.tuners._weight_files import save_weights


class Recorder(keras.callbacks.Callback):
    """Keeps the logs, the latest state and the best one. Comes last.

    After a kill, at most the epoch in progress is lost.

    Args:
        run: The `Run`.
        folder: Where to keep the states.
        objective: `keras_tuner.Objective` that says which state is the best.
        on_epoch_end: Called with the epoch and a list of its logs.

    Attributes:
        logs: List of the logs of the epochs so far.
        first_epoch: Integer: the number of the first of them.
        next_epoch: Integer: the epoch to go on with.
    """

    def __init__(
        self,
        run: Run,
        folder: str,
        objective: Any,
        on_epoch_end: Callable[[int, Sequence[Logs]], None],
    ):
        super().__init__()
        self._run = run
        self._latest = os.path.join(folder, "latest.npz")
        self._best = os.path.join(folder, "best.npz")
        self._objective = objective
        self._note = on_epoch_end
        self.logs: list[dict[str, float]] = []
        self.first_epoch = self.next_epoch = run.initial_epoch

    def resume(self, model: Any) -> bool:
        """Puts the latest state into `model`; tells whether there is one."""
        if not os.path.exists(self._latest):
            return False
        _snapshot.build(model, self._run.folder)
        info = _snapshot.load(self._latest, model)
        self.logs = info["logs"]
        self.next_epoch = self.first_epoch + len(self.logs)
        if info["stopped"]:
            self.next_epoch = self._run.epochs
        self._keep_best()  # the kill may have come before
        return True

    def begin(self, model: Any) -> None:
        """Puts the state of the run that this one goes on from into `model`."""
        if self._run.parent is not None:
            _snapshot.go_on_from(self._run.parent, model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Records the epoch and keeps the state."""
        model = self.model  # on JAX, this also brings the weights up to date
        of_epoch = numbers_of(logs or {})
        self.logs.append(of_epoch)
        if len(self.logs) == 1:
            self._run.write_build_config(model)
        info = {"logs": self.logs, "stopped": bool(model.stop_training)}
        _snapshot.save(self._latest, model, info)
        self._keep_best()
        self._note(epoch, [of_epoch])

    def finish(self, model: Any) -> None:
        """Writes the weights of the best epoch, as KerasTuner does."""
        run = self._run
        if os.path.exists(self._latest):
            if run.last is not None:
                _files.replace(run.last, lambda new: _link(self._latest, new))
            # Not what a callback such as EarlyStopping left at the end.
            _snapshot.load(self._best, model)
        if model.built:
            _files.replace(run.weights, lambda new: save_weights(new, model))

    def _keep_best(self) -> None:
        if self._last_is_best():
            _files.replace(self._best, lambda new: _link(self._latest, new))

    def _last_is_best(self) -> bool:
        index = best_index(self.logs, self._objective)
        # Without an objective in the logs, as KerasTuner does it: the last.
        return index in (None, len(self.logs) - 1)


def _link(source: str, path: str) -> None:
    """Gives a file that will not be changed a second name, or copies it."""
    if os.path.exists(path):
        os.remove(path)
    try:
        os.link(source, path)
    except OSError:  # a file system without links
        shutil.copyfile(source, path)

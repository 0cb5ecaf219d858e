"""Watches the gap between training and validation loss, and judges it."""

import copy
import math
import warnings
from typing import Any

import keras

from kreg._strengths import strengths
from kreg._validation import check_layer
from kreg.callbacks import _penalties
from kreg.callbacks._best_weights import BestWeights
from kreg.callbacks._journal import Journal
from kreg.callbacks._loss_parts import LossParts
from kreg.callbacks._overdue_stop import OverdueStop
from kreg.callbacks._probe import make_probe
from kreg.callbacks._reactions import Reactions, StoppedBecause
from kreg.callbacks._record import Record, val_loss_of
from kreg.diagnosis import Verdict

# Epochs without validation after which `validation_freq` no longer explains it.
_EPOCHS_BEFORE_WARNING = 10

_NO_VALIDATION = (
    "OverfitMonitor needs a validation set, and no epoch had one. Pass "
    "`validation_data=(x_val, y_val)` (or `validation_split=0.2`) to `fit`."
)


class OverfitMonitor(keras.callbacks.Callback):
    """Tells whether a network overfits, since when, and what to change.

    Keras's `loss` and `val_loss` cannot be compared: both contain the
    penalties, and `loss` is a mean over an epoch in which the weights change
    and dropout is on. The monitor adds to `logs`, at the end of each epoch:

    - `penalty`: the sum of all weight penalties, in the unit of the loss;
    - `val_data_loss`: `val_loss` without penalties, so that runs with
      different strengths are comparable (exact: weights do not move during
      validation; activity penalties are subtracted too; nothing is where a
      `test_step` or `compute_loss` of the model's own leaves them out);
    - `train_data_loss`, when `train_data` is given: the training loss,
      measured just as `val_data_loss` is (dropout off, at the end of the
      epoch, no penalty), on at most `probe_size` samples;
    - `generalization_gap`, likewise: `val_data_loss - train_data_loss`.

    So `History`, `CSVLogger`, `TensorBoard`, `EarlyStopping` and KerasTuner see
    them. **List it before callbacks that read these keys**: Keras calls
    callbacks in order, and those before it do not see what it adds.

    After (or during) training, `monitor.verdict` holds the judgement, and
    `monitor.history` what it rests on, also when `fit` was interrupted. A
    second `fit` starts anew; with `initial_epoch` it goes on. So does a `fit`
    in a new process, as with `keras.callbacks.BackupAndRestore`, if `record`
    names a file: list the monitor before that callback, so that an epoch is
    recorded before it counts as done.

    With `on_overfit` it acts, on the same verdict over the curve so far:

    - `"warn"` warns when the run becomes one that overfits, once a `fit`;
    - a function is called with the verdict each time it becomes that;
    - `"stop"` ends the training when it overfits, diverged, or no better epoch
      is to be expected; `monitor.stopped_because` says which;
    - `"restore_best"` gives the model, when `fit` ends stopped or with the
      verdict that it overfits or diverged, the weights of the epoch with the
      lowest validation loss; `monitor.restored_epoch` says which.

    Args:
        train_data: Optional tuple `(x, y)` or `(x, y, sample_weight)` of
            arrays, or a dataset of batches: the training data.
        probe_size: Integer >= 1. How many samples of it are measured, chosen
            once (of a dataset, the first). Defaults to `1024`.
        seed: Integer. Seed of that choice. Defaults to `0`.
        on_overfit: `"warn"`, `"stop"`, `"restore_best"`, a callable, or a list
            of these. Defaults to `None`: nothing is done.
        patience: Integer >= 1. About how many validations after the lowest
            loss `on_overfit` waits, as in `EarlyStopping`; but each counts
            for more the more the run overfits, and for less in noise, in the
            first 20 epochs and while the loss falls. Defaults to `10`.
        best_weights: Path ending in `.weights.h5` in which the best weights
            are kept, replaced whole. Defaults to `None`: in memory.
        record: Path ending in `.json` in which the record is kept, replaced
            whole after each epoch. Defaults to `None`: in memory.

    Raises:
        ValueError: If `train_data` is of another structure than the model's
            inputs, no epoch of `fit` had validation, or another argument is
            none of the above.
        TypeError: If the model is not a Keras 3 model.

    Example:

    >>> x, y = np.random.rand(64, 4), np.random.rand(64, 1)
    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> monitor = kreg.callbacks.OverfitMonitor(train_data=(x, y))
    >>> history = model.fit(
    ...     x, y, validation_split=0.5, callbacks=[monitor], verbose=0
    ... )
    >>> sorted(set(history.history) - {"loss", "val_loss"})
    ['generalization_gap', 'penalty', 'train_data_loss', 'val_data_loss']
    >>> monitor.verdict.status
    'too short to tell'
    """

    def __init__(
        self,
        train_data: Any = None,
        probe_size: int = 1024,
        seed: int = 0,
        on_overfit: Any = None,
        patience: int = 10,
        best_weights: Any = None,
        record: Any = None,
    ):
        super().__init__()
        self._probe = make_probe(train_data, probe_size, seed)
        self._reactions = Reactions(on_overfit, patience)
        self._best = BestWeights(best_weights)
        self._journal = None if record is None else Journal(record)
        self._keeps_best = (
            "restore_best" in self._reactions or best_weights is not None
        )
        self.runs: list[OverfitMonitor] = []
        self._start_record()

    def _start_record(self) -> None:
        self._record = Record()
        self._parts = LossParts()
        self._overdue_stop = OverdueStop()
        self._is_copy = False
        self._strengths: dict[str, float] = {}
        self._epoch_of_fit: int | None = None
        self._validated_penalty: float | None = None
        self.restored_epoch: int | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "OverfitMonitor":
        """Returns a monitor with its own record and the same probe.

        KerasTuner copies callbacks for each execution of a trial; the copies
        are kept in `runs` of the monitor that was given to `search`. Since
        executions may run side by side, a copy keeps its record and its best
        weights in memory, whatever files the original names.
        """
        copied = copy.copy(self)
        copied.runs = []
        copied._start_record()
        copied._is_copy = True
        copied._reactions = copy.copy(self._reactions)
        copied._best = BestWeights()
        copied._journal = None
        self.runs.append(copied)
        return copied

    @property
    def history(self) -> dict[str, list[float]]:
        """Dict of a list for each column of the record, NaN where missing."""
        return self._record.history

    @property
    def verdict(self) -> Verdict:
        """The judgement of the run so far, a `kreg.diagnosis.Verdict`."""
        return self._record.verdict(self._read_strengths())

    @property
    def stopped_because(self) -> StoppedBecause | None:
        """Why it ended the last `fit`, with the verdict then, or `None`."""
        return self._reactions.stopped_because

    def plot(self, path: str) -> str:
        """Draws the curves and the verdict into an image file.

        Args:
            path: String. Where to write it; the ending says the format.

        Returns:
            String. The path.
        """
        from kreg import reports

        return reports.plot_history(self.history, path, verdict=self.verdict)

    def set_model(self, model: Any) -> None:
        """Takes the model that `fit` trains."""
        check_layer(model, "model")
        if self._probe is not None:
            self._probe.check_fits(model)
        super().set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the penalties of the model."""
        self._epoch_of_fit = None
        self._reactions.begin()
        self.restored_epoch = None
        self._parts.begin(self.model)
        self._layers = _penalties.layers_that_add(self.model)
        self._optimizers = _penalties.optimizers_that_apply(self.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Forgets what an earlier `fit` recorded from this epoch on."""
        if self._epoch_of_fit is None:
            self._epoch_of_fit = epoch
            self._go_on_from(epoch)
        self._validated_penalty = None
        if not self._overdue_stop:
            self._parts.watch(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        """Notes the penalty of the weights that were validated."""
        self._validated_penalty = _penalties.penalty_in_losses(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measures the losses without penalties, and adds them to `logs`."""
        if self._overdue_stop:
            return
        logs = {} if logs is None else logs
        model = self.model  # on JAX, this also brings the weights up to date
        validated = self._validated_penalty is not None
        penalty = self._validated_penalty
        if penalty is None:
            penalty = _penalties.penalty_in_losses(model)
        added = penalty + _penalties.current(self._layers)
        logs["penalty"] = added + _penalties.current(self._optimizers)
        parts, probe = self._parts, self._probe
        parts.settle(model, probe, validated)
        if validated:
            subtrahend = parts.of_validation(model, penalty)
            logs["val_data_loss"] = val_loss_of(logs) - subtrahend
        if probe is not None:
            subtrahend = parts.of_probe(model, penalty, probe)
            logs["train_data_loss"] = probe.loss(model) - subtrahend
            if validated:
                logs["generalization_gap"] = (
                    logs["val_data_loss"] - logs["train_data_loss"]
                )
        train_loss = logs.get("loss", math.nan) - parts.of_weights(added)
        self._record.add({**logs, "epoch": epoch, "train_loss": train_loss})
        if self._keeps_best and validated:
            self._best.consider(model, epoch, logs["val_data_loss"])
        if self._journal is not None:
            best = self._best
            self._journal.write(self._record, best.epoch, best.loss)
        if validated:
            waited = self._record.epochs_since_best
            self._reactions.react(waited, lambda: self.verdict, model, epoch)
        epochs = len(self.history["epoch"])
        if epochs == _EPOCHS_BEFORE_WARNING and not self._record.has_validation:
            warnings.warn(_NO_VALIDATION, stacklevel=2)

    def on_train_end(self, logs: Any = None) -> None:
        """Restores the best weights; raises if no epoch had validation."""
        self._strengths = self._read_strengths()
        if self._journal and self._epoch_of_fit is None:  # no epoch was left
            self._go_on_from(self.params["epochs"])
        self._overdue_stop.end(self.model)
        if "restore_best" in self._reactions and self._best.epoch is not None:
            self._restore_best()
        if self._is_copy:  # kept after its trial, but not the trial's model
            super().set_model(None)
            self._layers, self._optimizers = [], []
        if self.history["epoch"] and not self._record.has_validation:
            raise ValueError(_NO_VALIDATION)

    def _go_on_from(self, epoch: int) -> None:
        """Forgets what was recorded from `epoch` on, or reads what was not."""
        self._record.forget_from(epoch)
        found = None
        if epoch and self._journal and not self.history["epoch"]:
            found = self._journal.read()
        if found is not None:
            self._record, best, loss = found
            self._record.forget_from(epoch)
            if self._keeps_best and best is not None and best < epoch:
                self._best.resume(best, loss)
        elif self._best.epoch is not None and self._best.epoch >= epoch:
            self._best.forget()
        if self._record.has_validation:
            waited = self._record.epochs_since_best
            self._reactions.resume(waited, lambda: self.verdict)
            if found and self._reactions.should_have_stopped(epoch - 1):
                self._overdue_stop.begin(self.model)

    def _restore_best(self) -> None:
        best, last = self._best.epoch, self.history["epoch"][-1]
        went_wrong = self.verdict.status in ("overfitting", "diverged")
        is_wanted = self.stopped_because or went_wrong
        if is_wanted and best != last:
            self._best.restore(self.model)
            self.restored_epoch = best

    def _read_strengths(self) -> dict[str, float]:
        if self.model is None:
            return self._strengths
        found = strengths(self.model)
        return {path: s.last_known for path, s in found.items()}

"""What OverfitMonitor does on overfitting, and what survives interruption."""

import copy
import json
import os

import keras
import numpy as np
import pytest

import kreg
from kreg.diagnosis import diagnose, read_history
from tests.backends import one_batch

Monitor = kreg.callbacks.OverfitMonitor
X = np.ones((8, 2), "float32")
Y = np.ones((8, 1), "float32")
FALL = np.linspace(1.0, 0.5, 15)
RISE = np.linspace(0.5, 1.0, 25)[1:]
OVERFITS = [*FALL, *RISE]
HEALTHY = list(np.linspace(1.0, 0.5, 40))


class Script(keras.callbacks.Callback):
    """Puts a written validation loss in the place of the measured one.

    It also puts the number of the epoch, in thousandths, into the model's
    bias, by which its weights can be told apart. The targets are ones, so the
    training loss falls meanwhile, as that of a run that overfits does.
    """

    def __init__(self, losses):
        super().__init__()
        self.losses = losses

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = float(self.losses[epoch])
        kernel, _, *others = self.model.get_weights()
        bias = np.array([epoch / 1000], "float32")
        self.model.set_weights([kernel, bias, *others])


class Interrupt(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.after:
            raise KeyboardInterrupt


def new_model():
    layer = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), layer])
    # To trace it would take longer than all its epochs.
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    return model


def fit(monitor, losses, model=None, before=(), after=(), **arguments):
    model = model or new_model()
    history = model.fit(
        **one_batch(X, Y), verbose=0, epochs=len(losses),
        callbacks=[*before, Script(losses), monitor, *after], **arguments,
    )  # fmt: skip
    return model, history.epoch


def epoch_of_weights(model):
    return round(1000 * float(model.get_weights()[1][0]))


def worth(waited, epochs, evidence):
    overfits = 0.6 * np.clip(evidence["score"], 0, 2) * min(waited / 40, 1)
    falls = 0.3 * np.clip(evidence["fall"] / 0.1, -1, 1)
    noisy = 9 * min(evidence["noise"], 1)
    early = 1.5 * min(epochs / 20, 1) ** 0.5
    return waited * early * (1 - falls) * (1 + overfits) / (1 + noisy)


def first_overfit(losses, patience=10):
    """The epoch in which the wait has counted for enough, by the formula."""
    for epoch in range(4, len(losses)):
        seen = losses[: epoch + 1]
        verdict = diagnose(np.linspace(1, 0, epoch + 1), seen)
        waited = epoch - int(np.argmin(seen))
        if worth(waited, epoch + 1, verdict.evidence) >= patience:
            return epoch
    return None


def test_warns_once_with_the_verdict():
    with pytest.warns(UserWarning, match="overfitting since epoch") as caught:
        _, epochs = fit(Monitor(on_overfit="warn"), [*OVERFITS, *OVERFITS])
    # Keras itself warns too, on some backends.
    ours = [w for w in caught if "OverfitMonitor" in str(w.message)]
    assert len(ours) == 1
    assert len(epochs) == 2 * len(OVERFITS)


@pytest.mark.parametrize("patience", [10, 14])
def test_stops_when_the_verdict_on_the_curve_so_far_says_so(patience):
    monitor = Monitor(on_overfit="stop", patience=patience)
    model, epochs = fit(monitor, OVERFITS)
    stop = monitor.stopped_because
    assert stop.reason == "overfitting"
    assert stop.epoch == epochs[-1] == first_overfit(OVERFITS, patience)
    assert stop.best_epoch == monitor.verdict.best_epoch == 14
    assert stop.best_epoch < stop.onset_epoch <= stop.epoch < 39
    assert stop.verdict == monitor.verdict
    assert stop.confidence == monitor.verdict.confidence
    assert epoch_of_weights(model) == stop.epoch
    assert monitor.restored_epoch is None


def test_a_healthy_run_is_left_alone():
    called = []
    monitor = Monitor(
        on_overfit=["warn", "stop", "restore_best", called.append]
    )
    model, epochs = fit(monitor, HEALTHY)
    assert len(epochs) == len(HEALTHY)
    assert monitor.stopped_because is None
    assert monitor.restored_epoch is None
    assert not called
    assert epoch_of_weights(model) == epochs[-1]


def test_stops_where_nothing_better_is_to_be_expected():
    losses = [*FALL, *[0.501, 0.502] * 15]
    monitor = Monitor(on_overfit=["stop", "warn", "restore_best"])
    model, epochs = fit(monitor, losses)
    assert 14 + 5 <= epochs[-1] == first_overfit(losses) <= 14 + 15
    assert monitor.stopped_because.reason == "no improvement"
    assert not monitor.verdict.overfitting
    assert epoch_of_weights(model) == monitor.restored_epoch == 14


def test_without_on_overfit_nothing_is_done():
    monitor = Monitor()
    _, epochs = fit(monitor, OVERFITS)
    assert len(epochs) == len(OVERFITS)
    assert monitor.verdict.overfitting
    assert monitor.stopped_because is None


@pytest.mark.parametrize("place", ["memory", "file"])
def test_restores_the_best_weights(place, tmp_path):
    path = tmp_path / "new" / "best.weights.h5" if place == "file" else None
    monitor = Monitor(on_overfit="restore_best", best_weights=path)
    model, epochs = fit(monitor, OVERFITS)
    assert len(epochs) == len(OVERFITS)
    assert epoch_of_weights(model) == monitor.restored_epoch == 14
    if path is not None:
        assert os.listdir(path.parent) == ["best.weights.h5"]
        other = new_model()
        other.load_weights(path)
        assert epoch_of_weights(other) == 14


def test_stopping_and_restoring_together():
    monitor = Monitor(on_overfit=["stop", "restore_best"])
    model, epochs = fit(monitor, OVERFITS)
    assert epochs[-1] == first_overfit(OVERFITS)
    assert epoch_of_weights(model) == monitor.restored_epoch == 14


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    model = new_model()
    best = Monitor(best_weights=path)._best
    best.consider(model, 0, 1.0)
    before = path.read_bytes()

    def fail(path):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        best.consider(model, 1, 0.5)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["best.weights.h5"]
    assert best.epoch == 0


def test_a_function_is_called_with_the_verdict_at_each_onset():
    losses = [*FALL, *RISE, *np.linspace(1.0, 0.2, 30)]
    losses += list(np.linspace(0.2, 0.6, 30)[1:])
    called = []
    fit(Monitor(on_overfit=called.append), losses)
    assert [verdict.overfitting for verdict in called] == [True, True]
    assert called[0].best_epoch == 14
    assert called[1].best_epoch > 60


def test_a_function_may_steer():
    penalty = kreg.regularizers.L2(1e-3)
    layer = keras.layers.Dense(1, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile("sgd", "mse")

    def stronger(verdict):
        kreg.set_strengths(model, {"*/l2": 10 * penalty.l2.value})

    fit(Monitor(on_overfit=[stronger, "stop"]), OVERFITS, model)
    assert penalty.l2.value == pytest.approx(1e-2)


def test_a_second_fit_starts_anew():
    monitor = Monitor(on_overfit=["stop", "restore_best"])
    fit(monitor, OVERFITS)
    model, epochs = fit(monitor, HEALTHY)
    assert len(epochs) == len(HEALTHY)
    assert monitor.stopped_because is None
    assert monitor.restored_epoch is None
    assert epoch_of_weights(model) == epochs[-1]


def test_a_diverged_validation_loss_is_never_the_best():
    losses = [1.0, 0.8, float("nan"), *np.linspace(0.7, 1.4, 20)]
    monitor = Monitor(on_overfit="restore_best")
    model, _ = fit(monitor, losses)
    assert epoch_of_weights(model) == monitor.restored_epoch == 3


@pytest.mark.parametrize("begin", [2, 15])
def test_a_loss_that_is_no_number_any_more_ends_the_run(begin):
    losses = [*FALL[:begin], *[float("nan")] * 40]
    monitor = Monitor(on_overfit=["stop", "restore_best"], patience=6)
    model, epochs = fit(monitor, losses)
    # Four waits, at one and a half each.
    assert epochs[-1] == monitor.stopped_because.epoch == begin + 3
    assert monitor.stopped_because.reason == "diverged"
    assert epoch_of_weights(model) == monitor.restored_epoch == begin - 1


def test_one_loss_that_is_no_number_is_waited_through():
    losses = [*FALL[:10], float("nan"), float("inf"), *FALL[10:]]
    monitor = Monitor(on_overfit="stop", patience=6)
    _, epochs = fit(monitor, losses)
    assert len(epochs) == len(losses)


def test_the_best_weights_are_restored_after_divergence():
    losses = [*FALL, *[float("inf")] * 3]
    monitor = Monitor(on_overfit="restore_best")
    model, epochs = fit(monitor, losses)
    assert len(epochs) == len(losses)
    assert epoch_of_weights(model) == monitor.restored_epoch == 14


def test_an_interrupted_run_ends_with_the_same_verdict(tmp_path):
    def monitor(folder):
        return Monitor(
            train_data=(X, Y),
            on_overfit=["stop", "restore_best"],
            best_weights=tmp_path / folder / "best.weights.h5",
            record=tmp_path / folder / "record.json",
        )

    whole = monitor("whole")
    trained, _ = fit(whole, OVERFITS)
    for after in (5, 16, 18):  # a new process each time: nothing is kept
        backup = keras.callbacks.BackupAndRestore(
            tmp_path / "backup", delete_checkpoint=False
        )
        cut = [backup, Interrupt(after)]
        with pytest.raises(KeyboardInterrupt):
            fit(monitor("cut"), OVERFITS, after=cut)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    resumed = monitor("cut")
    model, epochs = fit(resumed, OVERFITS, after=[backup])
    assert epochs[0] == 19
    assert resumed.verdict == whole.verdict
    assert resumed.stopped_because == whole.stopped_because
    assert epoch_of_weights(model) == epoch_of_weights(trained) == 14
    np.testing.assert_equal(resumed.history, whole.history)


@pytest.mark.parametrize("last", ["stopped", "final"])
@pytest.mark.parametrize("restores", [True, False])
def test_a_run_killed_after_its_last_epoch_ends_the_same(
    last, restores, tmp_path
):
    losses = OVERFITS if last == "stopped" else OVERFITS[:24]

    def monitor(folder):
        return Monitor(
            on_overfit=["stop", "restore_best"] if restores else "stop",
            patience=10 if last == "stopped" else 50,
            best_weights=tmp_path / folder / "best.weights.h5",
            record=tmp_path / folder / "record.json",
        )

    whole = monitor("whole")
    trained, epochs = fit(whole, losses)
    # Kept: Keras deletes it even of a fit that an interrupt ended.
    backup = keras.callbacks.BackupAndRestore(
        tmp_path / "backup", delete_checkpoint=False
    )
    with pytest.raises(KeyboardInterrupt):
        fit(
            monitor("cut"), losses, after=[backup, Interrupt(epochs[-1])],
        )  # fmt: skip
    resumed = monitor("cut")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    model, _ = fit(resumed, losses, after=[backup])
    assert resumed.verdict == whole.verdict
    assert resumed.stopped_because == whole.stopped_because
    assert resumed.restored_epoch == whole.restored_epoch
    assert epoch_of_weights(model) == epoch_of_weights(trained)
    np.testing.assert_equal(resumed.history, whole.history)


def test_an_epoch_that_was_not_backed_up_is_recorded_once(tmp_path):
    path = tmp_path / "record.json"
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    cut = [Interrupt(4), backup]  # between the monitor and the backup
    with pytest.raises(KeyboardInterrupt):
        fit(Monitor(record=path), HEALTHY, after=cut)
    resumed = Monitor(record=path)
    fit(resumed, HEALTHY, after=[backup])
    assert resumed.history["epoch"] == list(range(len(HEALTHY)))


def test_the_record_can_be_diagnosed(tmp_path):
    path = tmp_path / "new" / "record.json"
    monitor = Monitor(train_data=(X, Y), record=path)
    fit(monitor, OVERFITS)
    read = read_history(path).diagnose()
    assert (read.status, read.best_epoch, read.onset_epoch) == (
        monitor.verdict.status,
        monitor.verdict.best_epoch,
        monitor.verdict.onset_epoch,
    )


def test_a_new_run_replaces_the_record(tmp_path):
    path = tmp_path / "record.json"
    fit(Monitor(record=path), OVERFITS)
    second = Monitor(record=path)
    fit(second, HEALTHY[:7])
    assert len(json.loads(path.read_text())["history"]["epoch"]) == 7


def test_what_was_told_is_not_told_again_after_an_interruption(tmp_path):
    path, called = tmp_path / "record.json", []
    model = new_model()
    told = Monitor(on_overfit=called.append, record=path)
    with pytest.raises(KeyboardInterrupt):
        fit(told, OVERFITS, model, after=[Interrupt(30)])
    assert len(called) == 1
    resumed = Monitor(on_overfit=["warn", called.append], record=path)
    fit(resumed, OVERFITS, model, initial_epoch=31)
    assert resumed.verdict.overfitting
    assert len(called) == 1


def test_divergence_survives_interruption(tmp_path):
    losses = [1.0, 0.9, 0.8, float("inf"), 0.7, 0.7, 0.7, 0.7]
    path = tmp_path / "record.json"
    model = new_model()
    with pytest.raises(KeyboardInterrupt):
        fit(Monitor(record=path), losses, model, after=[Interrupt(4)])
    resumed, whole = Monitor(record=path), Monitor()
    fit(resumed, losses, model, initial_epoch=5)
    fit(whole, losses)
    assert resumed.verdict == whole.verdict


def test_weights_in_memory_that_were_lost_are_warned_of(tmp_path):
    def monitor():
        return Monitor(
            on_overfit="restore_best", record=tmp_path / "record.json"
        )

    with pytest.raises(KeyboardInterrupt):
        fit(monitor(), OVERFITS, after=[Interrupt(20)])
    with pytest.warns(UserWarning, match="weights of the best epoch so far"):
        fit(monitor(), OVERFITS, initial_epoch=21)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"history": {}}', '{"history": {"epoch": [1]}}'],
)
def test_a_file_that_is_no_record_is_refused(text, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="argument `record`. Expected a file"):
        fit(Monitor(record=path), HEALTHY, initial_epoch=3)


def test_copies_for_a_search_keep_off_the_files(tmp_path):
    monitor = Monitor(
        on_overfit=["stop", "restore_best"],
        best_weights=tmp_path / "best.weights.h5",
        record=tmp_path / "record.json",
    )
    copies = [copy.deepcopy(monitor) for _ in range(2)]
    trained = [fit(one, OVERFITS)[0] for one in copies]
    assert [epoch_of_weights(model) for model in trained] == [14, 14]
    assert all(run.stopped_because for run in monitor.runs)
    assert monitor.stopped_because is None
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("on_overfit", "halt", '"warn", "stop"'),
        ("on_overfit", ["stop", 3], '"warn", "stop"'),
        ("on_overfit", True, '"warn", "stop"'),
        ("patience", 0, "a positive integer"),
        ("patience", 2.5, "a positive integer"),
        ("probe_size", 0, "a positive integer"),
        ("seed", "a", "a non-negative integer"),
        ("best_weights", "best.h5", "a path ending in `.weights.h5`"),
        ("best_weights", 3, "a path ending in `.weights.h5`"),
        ("record", "record.csv", "a path ending in `.json`"),
        ("record", 3, "a path ending in `.json`"),
    ],
)
def test_bad_arguments(name, value, expected):
    with pytest.raises(ValueError, match=f"`{name}`. Expected {expected}"):
        Monitor(**{name: value})

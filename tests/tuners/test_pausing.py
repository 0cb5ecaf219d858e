"""A trial of Hyperband that waits for another bracket is as if it had not."""

import collections

import keras
import numpy as np
import pytest

import kreg
import kreg.tuners
from kreg.tuners import _population_trainer, _waves
from kreg.tuners._in_parts import InParts

pytestmark = pytest.mark.backends("tensorflow", "jax")

EPOCHS = 4


def build(hp):
    layers = keras.layers
    penalty = keras.regularizers.L2(hp.Float("l2", 1e-3, 1.0))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, "relu", kernel_regularizer=penalty),
            layers.Dropout(hp.Float("rate", 0.0, 0.7)),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model


def hyperband(path, cls=kreg.tuners.Hyperband):
    return cls(build, max_epochs=EPOCHS, factor=2, directory=path, seed=1)


def search(path, data, callbacks=(), cls=kreg.tuners.Hyperband):
    tuner = hyperband(path, cls)
    tuner.search(batch_size=8, verbose=0, callbacks=list(callbacks), **data)
    return tuner


@pytest.fixture
def pauses(monkeypatch):
    """The epochs at which runs paused, with the names of these."""
    found = []
    go_on = _population_trainer._go_on

    def noting(run):
        if run.paused is not None:
            found.append((run.next_epoch, run.name))
        go_on(run)

    monkeypatch.setattr(_population_trainer, "_go_on", noting)
    return found


def same(results, expected, strengths=True):
    assert [r.trial_id for r in results] == [r.trial_id for r in expected]
    for one, other in zip(results, expected, strict=True):
        assert one.best_epoch == other.best_epoch
        assert one.verdict.status == other.verdict.status
        assert one.strengths == other.strengths or not strengths
        for key in ("objective", "generalization_gap"):
            value, wanted = getattr(one, key), getattr(other, key)
            np.testing.assert_allclose(value, wanted, 1e-4, 1e-5)


def loss_of(tuner, trial, data):
    model = tuner.load_model(trial)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x, y = data["validation_data"]
    return float(loss(y, model.predict(x, verbose=0)))


class Ascent(keras.callbacks.Callback):
    """Learns, and then unlearns: from some epoch on the best is behind."""

    def __init__(self, top):
        super().__init__()
        self.top = top

    def on_epoch_begin(self, epoch, logs=None):
        rate = 0.05 if epoch < self.top else -0.05
        self.model.optimizer.learning_rate = rate


class Strengthens(keras.callbacks.Callback):
    """Changes once what are numbers in the layers of Keras."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            kreg.set_strengths(self.model, {"*/l2": 0.5, "*/rate": 0.6})


@pytest.mark.parametrize("callbacks", [(Ascent(2),), (Strengthens(),)])
def test_trials_are_as_without(callbacks, pauses, data, tmp_path, monkeypatch):
    kinds = list(map(type, callbacks))
    tuner = search(tmp_path / "waiting", data, callbacks)
    assert min(epoch for epoch, _ in pauses) == 2
    pauses.clear()
    monkeypatch.setattr(_waves, "largest_rung", lambda trials: 0)
    alone = search(tmp_path / "alone", data, callbacks)
    assert not pauses
    same(tuner.results, alone.results, strengths=Strengthens not in kinds)
    if Ascent in kinds:
        last = callbacks[0].top
        assert {r.best_epoch for r in tuner.results} <= set(range(last + 1))
    for trial in tuner.oracle.trials.values():
        loss = loss_of(tuner, trial, data)
        assert loss == pytest.approx(trial.score, rel=1e-4)


class Net(keras.Model):
    def __init__(self, penalty):
        super().__init__()
        self.out = keras.layers.Dense(2, kernel_regularizer=penalty)

    def call(self, x):
        return self.out(x)


def test_what_trains_alone_waits_for_nobody(
    pauses, data, tmp_path, monkeypatch
):
    """It would be compiled once more when it goes on."""
    monkeypatch.setattr(_waves, "largest_rung", lambda trials: 9)

    def build(hp):
        model = Net(keras.regularizers.L2(hp.Float("l2", 1e-3, 1.0)))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, run_eagerly=True)
        return model

    tuner = kreg.tuners.Hyperband(
        build, max_epochs=2, factor=2, directory=tmp_path, seed=1
    )
    tuner.search(batch_size=8, verbose=0, **data)
    assert not pauses
    assert {r.status for r in tuner.results} == {"COMPLETED"}


class Calls(keras.callbacks.Callback):
    """Lists what it is called for, in order."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def __deepcopy__(self, memo):
        return Calls(self.calls)

    def on_train_begin(self, logs=None):
        self.calls[self].append(("begin", self.params["epochs"]))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls[self].append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        assert self.calls[self][-1] == epoch

    def on_train_end(self, logs=None):
        self.calls[self].append("end")


def test_callbacks_see_one_training(pauses, data, tmp_path):
    calls = collections.defaultdict(list)
    tuner = search(tmp_path, data, [Calls(calls)])
    assert pauses
    spans = collections.Counter()
    for trial in tuner.oracle.trials.values():
        values = trial.hyperparameters.values
        spans[values["tuner/initial_epoch"], values["tuner/epochs"]] += 1
    expected = collections.Counter()
    for (begin, end), count in spans.items():
        expected["begin", end, *range(begin, end), "end"] += count
    seen = collections.Counter(
        (*first, *rest) for first, *rest in calls.values()
    )
    assert seen == expected


class StopsAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.stop_training = True


def test_a_run_that_stops_where_others_pause_has_ended(pauses, data, tmp_path):
    pause = 2  # `test_trials_are_as_without` has runs that pause before it
    tuner = search(tmp_path, data, [StopsAt(pause - 1)])
    assert not [name for epoch, name in pauses if epoch == pause]
    assert {r.status for r in tuner.results} == {"COMPLETED"}
    assert all(r.best_epoch != pause for r in tuner.results)


class StopsStrong(keras.callbacks.Callback):
    """Stops what is regularized strongly after an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        l2 = kreg.strengths(self.model)["dense/kernel_regularizer/l2"]
        if l2.value > 0.3 and self.params["epochs"] == 2:
            self.model.stop_training = True


@pytest.mark.backends("tensorflow")
def test_what_goes_on_counts_the_steps_of_its_own(data, tmp_path, monkeypatch):
    """Those of a run that had stopped early are fewer."""
    tuner = search(tmp_path / "together", data, [StopsStrong()])
    monkeypatch.setattr(
        _population_trainer,
        "grouped",
        lambda models, x=None: [[index] for index in range(len(models))],
    )
    alone = search(tmp_path / "alone", data, [StopsStrong()])
    same(tuner.results, alone.results)


class Killed(keras.callbacks.Callback):
    """Stops the process, as it were, at a call of `on_epoch_begin`."""

    def __init__(self, count):
        super().__init__()
        self.count = count

    def __deepcopy__(self, memo):
        return self

    def on_epoch_begin(self, epoch, logs=None):
        self.count -= 1
        if self.count == 0:
            raise KeyboardInterrupt


def test_a_killed_search_goes_on(pauses, data, tmp_path):
    whole = search(tmp_path / "whole", data)
    epochs = sum(
        t.hyperparameters["tuner/epochs"]
        - t.hyperparameters["tuner/initial_epoch"]
        for t in whole.oracle.trials.values()
    )
    count = epochs // 2
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "killed", data, [Killed(count)])
    pauses.clear()
    again = Killed(10**9)
    tuner = search(tmp_path / "killed", data, [again])
    same(tuner.results, whole.results)
    # No epoch that was trained before the kill, but the one in progress.
    assert 10**9 - again.count <= epochs - count + len(whole.results)
    assert pauses  # what had paused before the kill went on


def test_callbacks_end_once_with_their_run():
    calls = collections.defaultdict(list)
    inner = Calls(calls)
    callback = InParts([inner], epochs=3)
    model = type("Model", (), {"stop_training": False})()
    for until in (1, 3):
        callback.set_params({"epochs": until, "steps": 2, "verbose": 0})
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_begin(until - 1)
        callback.on_epoch_end(until - 1, {"loss": 1.0})
        callback.on_train_end()
    assert calls[inner] == [("begin", 3), 0, 2, "end"]

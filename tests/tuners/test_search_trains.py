"""Searches that train: their numbers are those of `fit` and `evaluate`."""

import json
import math

import keras
import keras_tuner
import numpy as np
import pytest

import kreg
import kreg.tuners
from kreg.tuners import _folds, _seeds
from kreg.tuners._selection import one_standard_error

TUNERS = {
    "RandomSearch": {"max_trials": 3},
    "GridSearch": {"max_trials": 3},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 2},
    "Hyperband": {"max_epochs": 2, "factor": 2},
}


def build(hp, rate=(0.0, 0.7)):
    space = kreg.tuners.RegularizationSpace(hp, rate=rate)
    model = keras.Sequential(
        [
            keras.layers.Dense(
                4, "relu", kernel_regularizer=space.l2("hidden", (1e-3, 1.0))
            ),
            space.dropout("hidden"),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def build_eager(hp):
    """Is trained one by one, and takes less time than to trace it."""
    model = build(hp)
    model.run_eagerly = True
    return model


# Together, and one by one: the only way that Torch has, and there it is quick.
WAYS = [
    pytest.param(build, marks=pytest.mark.backends("tensorflow", "jax")),
    pytest.param(build_eager, marks=pytest.mark.backends("jax", "torch")),
]


def random_search(path, hypermodel=build, objective="val_data_loss", **kwargs):
    arguments = {"max_trials": 2, "seed": 4, "directory": path, **kwargs}
    return kreg.tuners.RandomSearch(hypermodel, objective, **arguments)


def data_loss(model, x, y):
    losses = model.evaluate(x, y, verbose=0, return_dict=True)
    return losses["loss"] - float(sum(model.losses))


@pytest.mark.parametrize("name", TUNERS)
def test_models_evaluate_to_the_stored_score(name, data, tmp_path):
    hypermodel = build if name == "Hyperband" else build_eager
    arguments = {"directory": tmp_path, **TUNERS[name]}
    tuner = getattr(kreg.tuners, name)(hypermodel, seed=1, **arguments)
    tuner.search(verbose=0, **data)
    stock_class = getattr(keras_tuner, name)
    assert isinstance(tuner, stock_class)
    assert tuner.oracle.objective.name == "val_data_loss"
    objective = keras_tuner.Objective("val_data_loss", "min")
    # To stock KerasTuner, a state of Adam that the model lacks is a warning.
    stock = stock_class(hypermodel, objective, **arguments)
    score = stock.oracle.get_best_trials()[0].score
    assert score == tuner.oracle.get_best_trials()[0].score
    (model,) = tuner.get_best_models()
    x, y = data["validation_data"]
    assert data_loss(model, x, y) == pytest.approx(score, rel=1e-5)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        (stock_model,) = stock.get_best_models()
    assert data_loss(stock_model, x, y) == pytest.approx(score, rel=1e-5)


@pytest.mark.backends("tensorflow", "jax")
def test_models_made_with_their_weights_are_loaded_without_a_warning(
    data, tmp_path
):
    """Their checkpoints, of a population, hold no state of the optimizer."""

    def with_input(hp):
        penalty = keras.regularizers.L2(hp.Float("l2", 0.0, 0.1))
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(2, kernel_regularizer=penalty),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        return model

    tuner = random_search(tmp_path, with_input, max_trials=2)
    tuner.search(verbose=0, **data)
    (model,) = tuner.get_best_models()  # a warning is an error here
    score = tuner.oracle.get_best_trials()[0].score
    loss = data_loss(model, *data["validation_data"])
    assert loss == pytest.approx(score, rel=1e-5)


def alone(hp, build, seed, **fit):
    """What `fit` gives for the values of a trial, names included."""
    keras.utils.clear_session(free_memory=False)
    with _seeds.seeded_build(seed):
        model = build(hp)
    model.run_eagerly = True
    with _seeds.seeded_fit(seed):
        return model, model.fit(verbose=0, **fit).history


def test_a_trial_is_what_fit_does(data, tmp_path):
    tuner = random_search(tmp_path, build_eager, max_trials=1)
    tuner.search(epochs=3, batch_size=8, verbose=0, **data)
    (result,) = tuner.results
    hp = tuner.get_best_hyperparameters()[0]
    model, history = alone(hp, build_eager, 4, epochs=3, batch_size=8, **data)
    best = result.best_epoch
    assert logged(tuner, "val_loss") == pytest.approx(
        history["val_loss"][best], rel=1e-5
    )
    assert result.strengths == pytest.approx(
        {path: s.last_known for path, s in kreg.strengths(model).items()}
    )
    assert isinstance(result.verdict, kreg.diagnosis.Verdict)
    assert math.isfinite(result.generalization_gap)


def logged(tuner, name, trial_id="0"):
    metrics = tuner.oracle.get_trial(trial_id).metrics
    return metrics.get_history(name)[0].value[0]


def test_trials_of_one_graph_are_what_fit_does(data, tmp_path):
    def build_stock(hp):
        penalty = keras.regularizers.L1L2(hp.Float("l1", 0.01, 0.1), 1e-3)
        model = keras.Sequential(
            [
                keras.layers.Dense(4, "relu", kernel_regularizer=penalty),
                keras.layers.Dropout(0.0),
                keras.layers.Dense(2),
            ]
        )
        rate = hp.Choice("learning_rate", [0.1, 0.01])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        return model

    # All that is learned makes this worse: the best epoch is the first.
    data["y"] = np.ones_like(data["y"])
    x, y = data["validation_data"]
    data["validation_data"] = (x, y) = (x, np.zeros_like(y))
    tuner = random_search(tmp_path, build_stock, max_trials=2)
    tuner.search(epochs=2, batch_size=32, verbose=0, **data)  # no order
    assert {result.best_epoch for result in tuner.results} == {0}
    for trial in tuner.oracle.trials.values():
        hp = trial.hyperparameters
        _, history = alone(hp, build_stock, 4, epochs=2, batch_size=32, **data)
        result = tuner.results[int(trial.trial_id)]
        for name in ("loss", "val_loss", "val_accuracy"):
            assert logged(tuner, name, trial.trial_id) == pytest.approx(
                history[name][result.best_epoch], rel=1e-5
            )
        model = tuner.load_model(trial)
        assert data_loss(model, x, y) == pytest.approx(trial.score, rel=1e-5)
        # Of a stack, as many training samples as validate.
        size = 32 if keras.backend.backend() == "torch" else 16
        gap = data_loss(model, data["x"][:size], data["y"][:size])
        gap = pytest.approx(trial.score - gap, rel=1e-4)
        assert result.generalization_gap == gap
        # What is handed out is what the user wrote.
        assert type(model.layers[1]) is keras.layers.Dropout
        penalty = model.layers[0].kernel_regularizer
        assert type(penalty) is keras.regularizers.L1L2
        assert float(penalty.l1) == pytest.approx(hp["l1"])
        rate = float(model.optimizer.learning_rate)
        assert rate == pytest.approx(hp["learning_rate"])


class Starts(keras.callbacks.Callback):
    """Lists the first weights of each run."""

    found = []

    def on_train_begin(self, logs=None):
        self.found.append(self.model.get_weights()[0])


@pytest.mark.parametrize("hypermodel", WAYS)
def test_trials_start_from_the_same_weights(
    hypermodel, data, tmp_path, monkeypatch
):
    def build_known(hp):
        model = hypermodel(hp)
        model.build((None, 4))
        return model

    monkeypatch.setattr(Starts, "found", [])
    tuner = random_search(tmp_path, build_known, executions_per_trial=2)
    tuner.search(verbose=0, callbacks=[Starts()], **data)
    first, second, third, fourth = Starts.found
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(second, fourth)
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("hypermodel", WAYS)
def test_folds(hypermodel, data, tmp_path):
    def build_plain(hp):
        hp.Float("unused", 0.0, 1.0)
        model = hypermodel(keras_tuner.HyperParameters())
        kreg.set_strengths(model, {"*rate": 0.0})
        return model

    x, y = data["x"], data["y"]
    tuner = random_search(tmp_path, build_plain, folds=3, max_trials=1)
    tuner.search(x, y, epochs=2, batch_size=22, verbose=0)  # no order
    (result,) = tuner.results
    rows = _folds.rows_of_folds(32, 3, 4)
    scores = []
    for train, validation in rows:
        assert len(validation) == 10  # 32 // 3; the other 22 train
        assert sorted([*train, *validation]) == list(range(32))
        hp = keras_tuner.HyperParameters()
        held_out = (x[validation], y[validation])
        with _seeds.seeded_build(4):
            model = build_plain(hp)
        model.run_eagerly = True
        losses = []
        for _ in range(2):
            model.fit(x[train], y[train], batch_size=22, verbose=0)
            losses.append(data_loss(model, *held_out))
        scores.append(min(losses))
    assert result.scores == pytest.approx(tuple(scores), rel=1e-4)
    assert result.objective == pytest.approx(np.mean(scores), rel=1e-4)
    assert result.spread == pytest.approx(np.std(scores, ddof=1), rel=1e-2)
    assert not {*rows[0][1]} & {*rows[1][1]}
    assert len(tuner.get_best_models()) == 1


def test_one_standard_error(data, tmp_path):
    tuner = random_search(
        tmp_path, folds=3, max_trials=4, select="one_standard_error"
    )
    tuner.search(data["x"], data["y"], verbose=0)
    chosen = one_standard_error(tuner.results, "min")
    best = min(tuner.results, key=lambda r: r.objective)
    error = best.spread / math.sqrt(3)
    assert best.objective <= chosen.objective <= best.objective + error
    hps = tuner.get_best_hyperparameters(4)
    assert hps[0].values == chosen.hyperparameters
    assert len(hps) == 4


class Epochs(keras.callbacks.Callback):
    """Lists the epochs of each run and the learning rate in each."""

    found = []

    def on_train_begin(self, logs=None):
        self.found.append([])
        self.mine = self.found[-1]

    def on_epoch_end(self, epoch, logs=None):
        self.mine.append(float(self.model.optimizer.learning_rate))


class StopsAbove(keras.callbacks.Callback):
    """Stops the runs with a high rate; what the others log gets no better."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def on_epoch_end(self, epoch, logs=None):
        (rate,) = (
            strength.value
            for path, strength in kreg.strengths(self.model).items()
            if path.endswith("rate")
        )
        logs["noise"] = -epoch if rate > self.limit else 1.0
        if rate > self.limit and epoch == 1:
            self.model.stop_training = True


@pytest.mark.parametrize("hypermodel", WAYS)
def test_callbacks_act_on_their_trial_alone(
    hypermodel, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(Epochs, "found", [])
    tuner = random_search(tmp_path, hypermodel, max_trials=3)
    # Those with a rate above 0.4 are told to stop, the others to slow down.
    tuner.search(
        epochs=3,
        callbacks=[
            StopsAbove(0.4),
            keras.callbacks.ReduceLROnPlateau("noise", 0.5, 1, mode="min"),
            Epochs(),
        ],
        verbose=0,
        **data,
    )
    rates = [r.hyperparameters["hidden/rate"] for r in tuner.results]
    assert min(rates) < 0.4 < max(rates)
    for rate, learning_rates in zip(rates, Epochs.found, strict=True):
        expected = [0.01, 0.01] if rate > 0.4 else [0.01, 0.005, 0.0025]
        assert learning_rates == pytest.approx(expected)


def test_keras_callbacks_stop_their_trial(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Epochs, "found", [])
    tuner = random_search(tmp_path, max_trials=2)
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=1e9)
    monitor = kreg.callbacks.OverfitMonitor()
    ends = keras.callbacks.TerminateOnNaN()
    callbacks = [monitor, stop, ends, Epochs()]
    tuner.search(epochs=5, callbacks=callbacks, verbose=0, **data)
    assert [len(epochs) for epochs in Epochs.found] == [2, 2]
    assert stop.best is None  # the user's own was not used


class Interrupts(keras.callbacks.Callback):
    """Stands for a kill in the second epoch of the second trial."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal
        self.is_armed = True

    def on_epoch_begin(self, epoch, logs=None):
        with open(self.journal, "a") as file:
            file.write(f"{epoch}\n")
        done = self.journal.read_text().split().count("1")
        if self.is_armed and epoch == 1 and done == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("hypermodel", WAYS)
def test_an_interrupted_run_goes_on(hypermodel, data, tmp_path):
    journal = tmp_path / "journal"
    callback = Interrupts(journal)

    def search(name):
        tuner = random_search(tmp_path / name, hypermodel)
        tuner.search(
            epochs=3, callbacks=[callback], batch_size=32, verbose=0, **data
        )
        return tuner.results

    with pytest.raises(KeyboardInterrupt):
        search("a")
    callback.is_armed = False
    again = search("a")
    # No epoch but the one that was interrupted is trained twice.
    epochs = "".join(journal.read_text().split())
    is_together = hypermodel is build
    assert epochs == ("0011" + "1122" if is_together else "012" + "01" + "12")
    whole = search("b")
    for resumed, straight in zip(again, whole, strict=True):
        assert resumed.hyperparameters == straight.hyperparameters
        # The order of the samples, and so the masks, are other ones in `fit`.
        assert resumed.objective == pytest.approx(
            straight.objective, rel=1e-5 if is_together else 0.05
        )


def test_promoted_trials_keep_their_optimizer(data, tmp_path):
    steps, begins, ends = [], [], []

    class Counts(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            return Counts()

        def on_train_end(self, logs=None):
            ends.append(np.sum(self.model.get_weights()[0]))

        def on_train_begin(self, logs=None):
            optimizer = self.model.optimizer
            if int(optimizer.iterations):
                begins.append(np.sum(self.model.get_weights()[0]))
            moments = [np.abs(v).max() for v in optimizer.variables[2:]]
            steps.append(
                (int(optimizer.iterations), max(map(float, moments), default=0))
            )

    def build_jumpy(hp):
        model = build(hp)
        model.optimizer.learning_rate = 1.0  # so that the last is not the best
        return model

    tuner = kreg.tuners.Hyperband(
        build_jumpy, max_epochs=4, factor=2, directory=tmp_path, seed=2
    )
    tuner.search(callbacks=[Counts()], batch_size=8, verbose=0, **data)
    assert set(begins) <= set(ends)
    spans = sorted(
        trial.hyperparameters["tuner/initial_epoch"]
        for trial in tuner.oracle.trials.values()
    )
    steps.sort()
    assert [iterations for iterations, _ in steps] == [4 * s for s in spans]
    assert any(spans)
    assert all(
        (moment > 0) == (s > 0)
        for s, (_, moment) in zip(spans, steps, strict=True)
    )


def test_user_written_fit(data, tmp_path):
    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build_eager(hp)

        def fit(self, hp, model, *args, **kwargs):
            size = hp.Choice("batch_size", [8, 16])
            return model.fit(*args, batch_size=size, **kwargs)

    tuner = random_search(tmp_path, Model())
    validation = data["validation_data"]
    tuner.search(
        data["x"], data["y"], epochs=2, validation_data=validation, verbose=0
    )
    assert {r.status for r in tuner.results} == {"COMPLETED"}
    assert "batch_size" in tuner.oracle.hyperparameters.values


def test_user_written_run(tmp_path):
    class Parabola(kreg.tuners.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            return (trial.hyperparameters.Float("a", -1.0, 1.0) - 0.5) ** 2

    tuner = Parabola(max_trials=5, directory=tmp_path, seed=1)
    tuner.search(verbose=0)
    assert len(tuner.results) == 5
    best = tuner.get_best_hyperparameters()[0]["a"]
    assert tuner.oracle.get_best_trials()[0].score == (best - 0.5) ** 2


def test_a_run_that_calls_kerastuners(data, tmp_path):
    class Sized(kreg.tuners.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            size = trial.hyperparameters.Choice("batch_size", [8, 16])
            kwargs["batch_size"] = size
            return super().run_trial(trial, *args, **kwargs)

    tuner = Sized(build, max_trials=2, directory=tmp_path)
    tuner.search(**data, verbose=0)
    loss = data_loss(tuner.get_best_models()[0], *data["validation_data"])
    assert loss == pytest.approx(tuner.oracle.get_best_trials()[0].score)
    folded = Sized(build, folds=2, directory=tmp_path, project_name="folded")
    with pytest.raises(ValueError, match="`folds`. Expected `None` where"):
        folded.search(data["x"], data["y"])


def test_a_subclass_that_overrides_what_a_run_calls(data, tmp_path):
    """As AutoKeras does, which KerasTuner keeps the method for."""
    sizes = []

    class Sized(kreg.tuners.RandomSearch):
        def _build_and_fit_model(self, trial, *args, **kwargs):
            sizes.append(trial.hyperparameters.Choice("batch_size", [8, 16]))
            kwargs["batch_size"] = sizes[-1]
            return super()._build_and_fit_model(trial, *args, **kwargs)

    tuner = Sized(build_eager, max_trials=2, directory=tmp_path)
    tuner.search(**data, verbose=0)
    assert len(sizes) == 2
    assert {r.status for r in tuner.results} == {"COMPLETED"}


def test_hooks_of_a_subclass(data, tmp_path):
    calls = []

    class Hooked(kreg.tuners.RandomSearch):
        def on_search_begin(self):
            calls.append("search")

        def on_trial_begin(self, trial):
            calls.append(trial.trial_id)

        def on_epoch_end(self, trial, model, epoch, logs=None):
            calls.append((trial.trial_id, epoch, "val_data_loss" in logs))

    tuner = Hooked(build_eager, max_trials=1, directory=tmp_path)
    tuner.search(epochs=2, verbose=0, **data)
    assert calls == ["search", "0", ("0", 0, True), ("0", 1, True)]


def test_a_changed_import(data, tmp_path):
    from kreg import tuners as keras_tuner

    hp = keras_tuner.HyperParameters()
    assert isinstance(hp.Float("a", 0.0, 1.0), float)
    objective = keras_tuner.Objective("val_accuracy", direction="max")
    tuner = keras_tuner.tuners.RandomSearch(
        hypermodel=build,
        objective=objective,
        max_trials=2,
        directory=tmp_path,
        project_name="mine",
    )
    tuner.search(epochs=1, verbose=0, **data)
    assert (tmp_path / "mine" / "trial_0" / "checkpoint.weights.h5").exists()
    state = json.loads((tmp_path / "mine" / "oracle.json").read_text())
    assert state["end_order"] == ["0", "1"]
    assert tuner.oracle.get_best_trials()[0].score <= 1
    assert issubclass(
        keras_tuner.oracles.RandomSearchOracle, keras_tuner.Oracle
    )


def test_all_names_of_kerastuner_are_here():
    assert set(dir(keras_tuner)) - set(dir(kreg.tuners)) == {"src"}

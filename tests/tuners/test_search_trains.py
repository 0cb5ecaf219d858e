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


def build(hp):
    space = kreg.tuners.RegularizationSpace(hp)
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


def random_search(path, hypermodel=build, objective="val_data_loss", **kwargs):
    arguments = {"max_trials": 2, "seed": 4, "directory": path, **kwargs}
    return kreg.tuners.RandomSearch(hypermodel, objective, **arguments)


def data_loss(model, x, y):
    losses = model.evaluate(x, y, verbose=0, return_dict=True)
    return losses["loss"] - float(sum(model.losses))


@pytest.mark.parametrize("name", TUNERS)
def test_models_evaluate_to_the_stored_score(name, data, tmp_path):
    arguments = {"directory": tmp_path, **TUNERS[name]}
    tuner = getattr(kreg.tuners, name)(build, seed=1, **arguments)
    tuner.search(verbose=0, **data)
    stock_class = getattr(keras_tuner, name)
    assert isinstance(tuner, stock_class)
    assert tuner.oracle.objective.name == "val_data_loss"
    objective = keras_tuner.Objective("val_data_loss", "min")
    # To stock KerasTuner, a state of Adam that the model lacks is a warning.
    stock = stock_class(build, objective, **arguments)
    score = stock.oracle.get_best_trials()[0].score
    assert score == tuner.oracle.get_best_trials()[0].score
    (model,) = tuner.get_best_models()
    x, y = data["validation_data"]
    assert data_loss(model, x, y) == pytest.approx(score, rel=1e-5)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        (stock_model,) = stock.get_best_models()
    assert data_loss(stock_model, x, y) == pytest.approx(score, rel=1e-5)


def test_a_trial_is_what_fit_does(data, tmp_path):
    tuner = random_search(tmp_path, max_trials=1)
    tuner.search(epochs=3, batch_size=8, verbose=0, **data)
    (result,) = tuner.results
    hp = tuner.get_best_hyperparameters()[0]
    with _seeds.seeded_build(4):
        model = build(hp)
    with _seeds.seeded_fit(4):
        history = model.fit(epochs=3, batch_size=8, verbose=0, **data).history
    trial = tuner.oracle.get_trial("0")
    best = result.best_epoch
    found = trial.metrics.get_history("val_loss")[0].value[0]
    assert found == pytest.approx(history["val_loss"][best], rel=1e-5)
    assert result.strengths == pytest.approx(
        {path: s.last_known for path, s in kreg.strengths(model).items()}
    )
    assert isinstance(result.verdict, kreg.diagnosis.Verdict)
    assert math.isfinite(result.generalization_gap)


def test_trials_start_from_the_same_numbers(data, tmp_path):
    starts = []

    class Keeps(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            return Keeps()

        def on_train_batch_begin(self, batch, logs=None):
            if batch == 1:
                starts.append(self.model.get_weights())

    def build_free(hp):
        model = build(hp)
        kreg.set_strengths(model, dict.fromkeys(kreg.strengths(model), 0.0))
        return model

    tuner = random_search(tmp_path, build_free, executions_per_trial=2)
    tuner.search(verbose=0, batch_size=16, callbacks=[Keeps()], **data)
    first, second, third, fourth = (weights[0] for weights in starts)
    # After one batch: the same weights at first, and the same batch.
    np.testing.assert_allclose(first, third, rtol=1e-6)
    np.testing.assert_allclose(second, fourth, rtol=1e-6)
    assert np.abs(first - second).max() > 0.01


def test_folds(data, tmp_path):
    x, y = data["x"], data["y"]
    tuner = random_search(tmp_path, folds=3, max_trials=1)
    tuner.search(x, y, epochs=2, batch_size=8, verbose=0)
    (result,) = tuner.results
    rows = _folds.rows_of_folds(32, 3, tuner.oracle.seed)
    scores = []
    for train, validation in rows:
        assert len(validation) == 10  # 32 // 3; the other 22 train
        assert sorted([*train, *validation]) == list(range(32))
        with _seeds.seeded_build(4):
            model = build(tuner.get_best_hyperparameters()[0])
        losses = []
        for epoch in range(2):
            with _seeds.seeded_fit(4 + epoch):
                model.fit(
                    x[train],
                    y[train],
                    epochs=epoch + 1,
                    initial_epoch=epoch,
                    batch_size=22,  # one batch: no order
                    verbose=0,
                )
            losses.append(data_loss(model, x[validation], y[validation]))
        scores.append(min(losses))
    assert len(result.scores) == 3
    together = random_search(tmp_path / "b", folds=3, max_trials=1)
    together.search(x, y, epochs=2, batch_size=22, verbose=0)
    (result,) = together.results
    rate = result.hyperparameters["hidden/rate"]
    tolerance = 1e-4 if rate == 0 else 0.2  # dropout masks go on otherwise
    assert result.scores == pytest.approx(tuple(scores), rel=tolerance)
    assert result.objective == pytest.approx(np.mean(result.scores))
    assert result.spread == pytest.approx(np.std(result.scores, ddof=1))
    assert not {*rows[0][1]} & {*rows[1][1]}
    assert len(tuner.get_best_models()) == 1


def test_one_standard_error(data, tmp_path):
    tuner = random_search(
        tmp_path, folds=3, max_trials=6, select="one_standard_error"
    )
    tuner.search(data["x"], data["y"], epochs=2, verbose=0)
    chosen = one_standard_error(tuner.results, "min")
    best = min(tuner.results, key=lambda r: r.objective)
    error = best.spread / math.sqrt(3)
    assert best.objective <= chosen.objective <= best.objective + error
    hps = tuner.get_best_hyperparameters(6)
    assert hps[0].values == chosen.hyperparameters
    assert len(hps) == 6


def test_callbacks_act_on_their_trial_alone(data, tmp_path):
    tuner = random_search(tmp_path, objective="val_loss", max_trials=3)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=0, baseline=0.0)
    tuner.search(epochs=5, callbacks=[stop], verbose=0, **data)
    assert {r.best_epoch for r in tuner.results} == {0}
    assert not hasattr(stop, "best")  # the user's own was not used


class Interrupts(keras.callbacks.Callback):
    """Stands for a kill in the third epoch of the second trial."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal
        self.is_armed = True

    def on_epoch_begin(self, epoch, logs=None):
        with open(self.journal, "a") as file:
            file.write(f"{epoch}\n")
        done = self.journal.read_text().split().count("2")
        if self.is_armed and epoch == 2 and done == 2:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on(data, tmp_path):
    journal = tmp_path / "journal"
    callback = Interrupts(journal)
    tuner = random_search(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        tuner.search(epochs=4, callbacks=[callback], verbose=0, **data)
    callback.is_armed = False
    again = random_search(tmp_path / "a")
    again.search(epochs=4, callbacks=[callback], verbose=0, **data)
    # No epoch but the one that was interrupted is trained twice.
    assert "".join(journal.read_text().split()) == "0123" + "012" + "23"
    whole = random_search(tmp_path / "b")
    whole.search(epochs=4, verbose=0, **data)
    for resumed, straight in zip(again.results, whole.results, strict=True):
        assert resumed.hyperparameters == straight.hyperparameters
        # The order of the batches after a resumption is another one.
        assert resumed.objective == pytest.approx(straight.objective, rel=0.2)
    history = again.results[1].verdict.evidence
    assert history == pytest.approx(whole.results[1].verdict.evidence, rel=1)


def test_promoted_trials_keep_their_optimizer(data, tmp_path):
    steps = []

    class Counts(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            return Counts()

        def on_train_begin(self, logs=None):
            optimizer = self.model.optimizer
            moments = [np.abs(v).max() for v in optimizer.variables[2:]]
            steps.append(
                (int(optimizer.iterations), max(map(float, moments), default=0))
            )

    tuner = kreg.tuners.Hyperband(
        build, max_epochs=4, factor=2, directory=tmp_path, seed=1
    )
    tuner.search(callbacks=[Counts()], batch_size=8, verbose=0, **data)
    spans = [
        result.hyperparameters["tuner/initial_epoch"]
        for result in tuner.results
    ]
    assert [iterations for iterations, _ in steps] == [4 * s for s in spans]
    assert any(spans)
    assert all(
        (moment > 0) == (s > 0)
        for s, (_, moment) in zip(spans, steps, strict=True)
    )


def test_user_written_fit(data, tmp_path):
    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

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


def test_hooks_of_a_subclass(data, tmp_path):
    calls = []

    class Hooked(kreg.tuners.RandomSearch):
        def on_search_begin(self):
            calls.append("search")

        def on_trial_begin(self, trial):
            calls.append(trial.trial_id)

        def on_epoch_end(self, trial, model, epoch, logs=None):
            calls.append((trial.trial_id, epoch, "val_data_loss" in logs))

    tuner = Hooked(build, max_trials=1, directory=tmp_path)
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

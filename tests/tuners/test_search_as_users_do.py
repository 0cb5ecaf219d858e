"""Data, models and callbacks of other kinds than arrays and Sequential."""

import keras
import keras_tuner
import numpy as np
import pytest

from kreg.population import _emptying
from kreg.tuners import RandomSearch

STACKS = keras.backend.backend() != "torch"


class Net(keras.Model):
    """As users write them: without `build` and `get_config`."""

    def __init__(self, units, factor, rate):
        super().__init__()
        penalty = keras.regularizers.L2(factor)
        self.hidden = keras.layers.Dense(units, kernel_regularizer=penalty)
        self.dropout = keras.layers.Dropout(rate)
        self.out = keras.layers.Dense(1)

    def call(self, x, training=None):
        hidden = self.dropout(self.hidden(x), training=training)
        return self.out(hidden)


def build(hp):
    with hp.name_scope("net"):
        units = hp.Choice("units", [2, 3])
        factor = hp.Float("l2", 1e-4, 1e-1, sampling="log")
        model = Net(units, factor, hp.Float("rate", 0.0, 0.5))
    model.compile(keras.optimizers.Adam(hp.Choice("rate", [0.1, 0.01])), "mse")
    return model


@pytest.fixture
def numbers(data):
    return data["x"], data["x"][:, :1]


def batches(x, y):
    while True:
        yield x[:16], y[:16]
        yield x[16:], y[16:]


def test_subclasses_generators_and_rare_validation(numbers, tmp_path):
    tuner = RandomSearch(
        build, "val_data_loss", max_trials=2, seed=5, directory=tmp_path
    )
    tuner.search(
        batches(*numbers),
        shuffle=False,
        steps_per_epoch=2,
        epochs=4,
        validation_data=numbers,
        validation_freq=2,
        verbose=0,
    )
    units = {r.hyperparameters["net/units"] for r in tuner.results}
    assert units == {2, 3}  # two graphs
    assert {r.best_epoch for r in tuner.results} <= {1, 3}
    for trial in tuner.oracle.get_best_trials(2):
        model = tuner.load_model(trial)
        assert type(model.dropout) is keras.layers.Dropout
        assert type(model.hidden.kernel_regularizer) is keras.regularizers.L2
        loss = model.evaluate(*numbers, verbose=0) - float(sum(model.losses))
        assert loss == pytest.approx(trial.score, rel=1e-5)


def build_dense(hp):
    penalty = keras.regularizers.L2(hp.Float("l2", 0.0, 1.0))
    model = keras.Sequential(
        [keras.layers.Dense(1, kernel_regularizer=penalty)]
    )
    model.compile("sgd", "mse", run_eagerly=hp.Fixed("eager", True))
    return model


def build_static(hp):
    model = build_dense(hp)
    model.run_eagerly = False
    return model


class CountsBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        logs["batches"] = batch + 1


def test_batch_hooks_are_called(numbers, tmp_path, capsys):
    tuner = RandomSearch(build_dense, "loss", max_trials=2, directory=tmp_path)
    tuner.search(*numbers, callbacks=[CountsBatches()], batch_size=8)
    printed = capsys.readouterr().out
    if STACKS:
        assert "Training one by one: CountsBatches has batch hooks." in printed
    assert "2 of 2 trials done, 0 running; best loss" in printed
    assert {r.status for r in tuner.results} == {"COMPLETED"}


@pytest.mark.backends("tensorflow")
def test_datasets(numbers, tmp_path):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(numbers).batch(8)
    tuner = RandomSearch(
        build_static, "val_loss", max_trials=2, directory=tmp_path
    )
    tuner.search(dataset, validation_data=dataset, verbose=0)
    assert {r.status for r in tuner.results} == {"COMPLETED"}


@pytest.mark.backends("tensorflow")
def test_a_distribution_strategy(numbers, tmp_path):
    import tensorflow as tf

    tuner = RandomSearch(
        build_static,
        "val_loss",
        max_trials=1,
        distribution_strategy=tf.distribute.OneDeviceStrategy("/cpu:0"),
        optimizer="adam",
        directory=tmp_path,
    )
    callbacks = [CountsBatches()]  # alone, so that the optimizer is kept
    tuner.search(
        *numbers, validation_data=numbers, callbacks=callbacks, verbose=0
    )
    loss = tuner.get_best_models()[0].evaluate(*numbers, verbose=0)
    score = tuner.oracle.get_best_trials()[0].score
    assert loss == pytest.approx(score, rel=1e-5)


class FailsOnce(keras.callbacks.Callback):
    """Raises in the trial with the greatest of the factors."""

    def on_train_begin(self, logs=None):
        penalty = self.model.layers[0].kernel_regularizer
        if float(penalty.l2) > 0.5:
            raise ValueError("a factor above 0.5")


def test_an_error_is_its_trials_alone(numbers, tmp_path, capsys):
    tuner = RandomSearch(
        build_static, "loss", max_trials=3, seed=1, directory=tmp_path
    )

    def search():
        tuner.search(*numbers, callbacks=[FailsOnce()])

    if STACKS:
        with pytest.warns(UserWarning, match="one by one: .*a factor above"):
            search()
    else:
        search()
    assert {r.status for r in tuner.results} == {"COMPLETED", "FAILED"}
    for result in tuner.results:
        is_above = result.hyperparameters["l2"] > 0.5
        assert (result.status == "FAILED") == is_above
        assert (result.message is not None) == is_above
    printed = capsys.readouterr().out
    assert "A trial failed: ValueError: a factor above 0.5" in printed
    assert "failed), 0 running" in printed


def test_a_reopened_search_goes_on(numbers, tmp_path):
    def search(trials):
        tuner = RandomSearch(
            build_dense, "loss", max_trials=trials, seed=1, directory=tmp_path
        )
        tuner.search(*numbers, verbose=0)
        return tuner.results

    first = search(1)
    assert search(3)[:1] == first
    stock = keras_tuner.RandomSearch(
        build_dense, "loss", max_trials=4, directory=tmp_path
    )
    stock.search(*numbers, verbose=0)
    assert len(stock.oracle.trials) == 4
    scores = {i: t.score for i, t in stock.oracle.trials.items()}
    assert scores == {r.trial_id: r.objective for r in search(4)}


def test_several_objectives(numbers, tmp_path):
    objectives = [
        keras_tuner.Objective("loss", "min"),
        keras_tuner.Objective("penalty", "max"),
    ]
    tuner = RandomSearch(
        build_dense, objectives, max_trials=2, directory=tmp_path
    )
    tuner.search(*numbers, validation_data=numbers, verbose=0)
    best = tuner.oracle.get_best_trials()[0]
    loss, penalty = (
        best.metrics.get_history(name)[0].value[0]
        for name in ("loss", "penalty")
    )
    assert best.score == pytest.approx(loss - penalty)


def test_ranking(numbers, tmp_path, capsys):
    tuner = RandomSearch(
        build_dense, "val_loss", max_trials=4, seed=2, directory=tmp_path
    )
    x, y = numbers
    tuner.search(x[:8], y[:8], validation_data=(x[8:], y[8:]), verbose=0)
    capsys.readouterr()
    tuner.results_summary(by="overfitting")
    printed = capsys.readouterr().out
    ids = [r.trial_id for r in tuner.results]
    gaps = {r.trial_id: r.generalization_gap for r in tuner.results}
    ranked = sorted(ids, key=lambda i: printed.index(f"Trial {i} summary"))
    assert ranked == sorted(ids, key=gaps.get)
    assert all(np.isfinite(list(gaps.values())))


def test_a_training_loop_of_the_users_own(numbers, tmp_path):
    """As in KerasTuner's guide: callbacks are called after epochs alone."""

    class Loop(keras_tuner.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, x, y, callbacks, **kwargs):
            for callback in callbacks:
                callback.set_model(model)
            losses = []
            for epoch in range(2):
                model.fit(x[:24], y[:24], verbose=0)
                losses.append(model.evaluate(x[24:], y[24:], verbose=0))
                for callback in callbacks:
                    callback.on_epoch_end(epoch, {"mine": losses[-1]})
            return min(losses)

    objective = keras_tuner.Objective("mine", "min")
    tuner = RandomSearch(Loop(), objective, max_trials=2, directory=tmp_path)
    tuner.search(*numbers, validation_data=numbers, verbose=0)
    assert [r.message for r in tuner.results] == [None, None]
    best = tuner.get_best_models()[0]
    x, y = numbers
    loss = best.evaluate(x[24:], y[24:], verbose=0)
    assert loss == pytest.approx(tuner.oracle.get_best_trials()[0].score)


def test_a_fit_that_evaluates_later(numbers, tmp_path):
    class Later(keras_tuner.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, **kwargs)
            return model.evaluate(*validation_data, verbose=0)

    tuner = RandomSearch(Later(), "loss", max_trials=2, directory=tmp_path)
    tuner.search(*numbers, validation_data=numbers, verbose=0)
    assert [r.message for r in tuner.results] == [None, None]


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("population", [1, 3])
def test_a_network_in_all_trials_is_kept(
    population, trainable, numbers, tmp_path, monkeypatch
):
    """As one that was pretrained, and made once for all."""
    monkeypatch.setattr(_emptying, "_SMALL", 0)  # as if it were large
    keras.utils.set_random_seed(1)
    bases = [
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        for _ in range(1 if trainable else 3)
    ]
    for base in bases:
        base.trainable = trainable
    before = [base.get_weights()[0] for base in bases]

    def build(hp):
        base = bases[hp.Choice("base", list(range(len(bases))))]
        layer = keras.layers.Dropout(hp.Float("rate", 0.0, 0.5))
        model = keras.Sequential([base, layer, keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        return model

    tuner = RandomSearch(
        build, max_trials=3, population=population, seed=1, directory=tmp_path
    )
    tuner.search(*numbers, validation_data=numbers, verbose=0)
    after = [base.get_weights()[0] for base in bases]
    difference = np.abs(np.subtract(before, after)).max()
    assert difference < 0.1 if trainable else difference == 0.0


class BuildsItself(keras.Model):
    """Has weights of its own in `build`, others when it is called."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate
        self.hidden = keras.layers.Dense(2)

    def build(self, input_shape):
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.rate * self.out(self.hidden(x))


@pytest.mark.parametrize("eager", [False, True])
def test_layers_without_weights_in_a_model_that_is_built(
    eager, numbers, tmp_path
):
    def build(hp):
        model = BuildsItself(hp.Float("rate", 0.5, 1.0))
        model.build((None, 4))
        model.compile("sgd", "mse", run_eagerly=eager)
        return model

    tuner = RandomSearch(build, "loss", max_trials=1, directory=tmp_path)
    tuner.search(*numbers, epochs=3, validation_data=numbers, verbose=0)
    (trial,) = tuner.oracle.trials.values()
    assert tuner.results[0].best_epoch == 2
    loss = tuner.get_best_models()[0].evaluate(*numbers, verbose=0)
    assert loss == pytest.approx(
        trial.metrics.get_history("val_loss")[0].value[0], rel=1e-5
    )


@pytest.mark.parametrize(
    ("returned", "score"),
    [
        (lambda history: [3.0, np.float32(5.0)], 4.0),
        (lambda history: [history, history], 1.0),
        (lambda history: history, 1.0),
        (lambda history: {"val_loss": 2.0, "f1": np.array([0.5, 1.0])}, 2.0),
    ],
)
def test_what_a_fit_of_the_users_own_may_return(returned, score, tmp_path):
    """And it may name its arguments as it likes."""
    taken = []
    history = keras.callbacks.History()
    history.history = {"loss": [4.0, 3.0], "val_loss": [1.0], "f1": [[0.0, 1]]}

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            hp.Float("a", 0.0, 1.0)
            return keras.Sequential()

        def fit(self, hp, model, x_train, y_train, x_val, y_val, **kwargs):
            taken.append((x_train, y_train, x_val, y_val, kwargs["epochs"]))
            return returned(history)

    tuner = RandomSearch(Model(), "val_loss", max_trials=1, directory=tmp_path)
    arrays = [np.full(3, i) for i in range(4)]
    tuner.search(*arrays, epochs=5, verbose=0)
    assert [r.message for r in tuner.results] == [None]
    assert tuner.oracle.get_best_trials()[0].score == score
    assert taken == [(*arrays, 5)]


def test_a_size_that_the_defaults_exceed(numbers, tmp_path):
    def build(hp):
        units = hp.Choice("units", [50, 3], default=50)
        layers = [keras.Input((4,)), keras.layers.Dense(units)]
        model = keras.Sequential(layers)
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    tuner = RandomSearch(
        build, "loss", max_trials=2, max_model_size=20, directory=tmp_path
    )
    tuner.search(*numbers, verbose=0)
    statuses = {r.hyperparameters["units"]: r.status for r in tuner.results}
    assert statuses == {50: "FAILED", 3: "COMPLETED"}


def test_what_a_lambda_callback_logs(numbers, tmp_path):
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(mine=2.0)
    )
    objective = keras_tuner.Objective("mine", "max")
    tuner = RandomSearch(
        build_dense, objective, max_trials=1, directory=tmp_path
    )
    tuner.search(*numbers, callbacks=[callback], verbose=0)
    assert tuner.oracle.get_best_trials()[0].score == 2.0


def test_what_a_model_declares_when_it_is_called(numbers, tmp_path):
    def build(hp):
        layers = [
            keras.layers.Dropout(hp.Float("rate", 0.0, 0.5)),
            keras.layers.Dense(1, kernel_initializer="zeros"),
            keras.layers.Lambda(lambda x: x + hp.Float("shift", 1.0, 9.0)),
        ]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.SGD(0.0), "mse")
        return model

    x, y = numbers
    tuner = RandomSearch(
        build, "val_loss", max_trials=2, seed=1, directory=tmp_path
    )
    tuner.search(x, 0 * y, validation_data=(x, 0 * y), verbose=0)
    shifts = [r.hyperparameters["shift"] for r in tuner.results]
    assert len(set(shifts)) == 2
    scores = [r.objective for r in tuner.results]
    assert scores == pytest.approx([shift**2 for shift in shifts], rel=1e-5)


class Ridge(keras.regularizers.Regularizer):
    """Without a config, as many are written."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, weights):
        return self.factor * keras.ops.sum(weights**2)


def test_what_has_no_config(numbers, tmp_path):
    def build(hp):
        penalty = Ridge(hp.Float("l2", 1.0, 2.0))
        layer = keras.layers.Dense(
            1, kernel_regularizer=penalty, kernel_initializer="ones"
        )
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        return model

    tuner = RandomSearch(build, "loss", max_trials=2, directory=tmp_path)
    if STACKS:
        with pytest.warns(UserWarning, match="one by one: .*`get_config`"):
            tuner.search(*numbers, verbose=0)
    else:
        tuner.search(*numbers, verbose=0)
    first, second = tuner.results
    factors = [r.hyperparameters["l2"] for r in tuner.results]
    difference = first.objective - second.objective
    assert difference == pytest.approx(4 * (factors[0] - factors[1]), rel=1e-4)


def test_a_fit_that_prepares_the_data(numbers, tmp_path):
    """As in KerasTuner's guide, where images are cropped."""

    class Crops(keras_tuner.HyperModel):
        def build(self, hp):
            width = hp.Choice("width", [3, 2])
            layers = [keras.Input((width,)), keras.layers.Dense(1)]
            model = keras.Sequential(layers)
            model.compile("sgd", "mse", run_eagerly=True)
            return model

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            x_val, y_val = validation_data
            width = hp.get("width")
            validation_data = (x_val[:, :width], y_val)
            x = x[:, :width]
            return model.fit(x, y, validation_data=validation_data, **kwargs)

    tuner = RandomSearch(Crops(), max_trials=2, directory=tmp_path)
    tuner.search(*numbers, validation_data=numbers, verbose=0)
    assert [r.message for r in tuner.results] == [None, None]
    assert all(np.isfinite(r.generalization_gap) for r in tuner.results)

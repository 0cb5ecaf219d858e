"""Each trial of a population is as it would be alone."""

import random

import keras
import numpy as np
import pytest

import kreg
from kreg.population import NotStackable, Population, Programs
from tests.population import zoo

pytestmark = pytest.mark.backends("tensorflow", "jax")


def made(build, **arguments):
    random.seed(3)  # Keras draws the seeds of initializers from it
    return build(**arguments)


def assert_history_is(history, expected, rtol=1e-5):
    for key, values in expected.items():
        np.testing.assert_allclose(
            history[key], values, rtol=rtol, atol=1e-6, err_msg=key
        )


@pytest.mark.parametrize("name", zoo.ZOO)
def test_trials_train_as_fit_trains_each(name):
    build = zoo.ZOO[name]
    settings = [
        {"l2": 0.0},
        {"l2": 1e-3, "learning_rate": 2e-3},
        {"l2": 1e-2, "learning_rate": 5e-3},
    ]
    x, y = zoo.data(name)
    train = zoo.rows(x, 0, 30), zoo.rows(y, 0, 30)
    validation = zoo.rows(x, 30, 50), zoo.rows(y, 30, 50)
    fit = {
        "epochs": 3,
        "batch_size": 8,  # the last batch is smaller
        "validation_data": validation,
        # On TensorFlow, Keras averages `val_classes_loss` over batches.
        "validation_batch_size": 20,
        "shuffle": False,
        "verbose": 0,
    }
    models = [made(build, **s) for s in settings]
    histories = Population(models).fit(*train, **fit)
    for trial in (0, 2):
        alone = made(build, **settings[trial])
        expected = alone.fit(*train, **fit).history
        assert_history_is(histories[trial], expected)


def test_sample_and_class_weights_count_as_in_fit():
    x, y = zoo.data("dense")
    weights = np.linspace(0.1, 2.0, len(x)).astype("float32")
    for extra in (
        {"sample_weight": weights},
        {"class_weight": {0: 2.0, 1: 0.5, 2: 1.0, 3: 3.0}},
        {"sample_weight": weights, "validation_split": 0.4},
        # Keras leaves the validation samples without class weights.
        {"class_weight": {0: 2.0, 1: 0.5}, "validation_split": 0.4},
    ):
        fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
        models = [made(zoo.dense, l2=l2) for l2 in (0.0, 1e-2)]
        histories = Population(models).fit(x, y, **fit, **extra)
        expected = made(zoo.dense, l2=1e-2).fit(x, y, **fit, **extra).history
        assert_history_is(histories[1], expected)


class Squares(keras.layers.Layer):
    """Adds a loss that is part of what the user wants to be small."""

    def call(self, x):
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(x)))
        return x


def test_losses_that_layers_add_count_as_in_fit():
    x, y = zoo.data("dense")

    def build(l2):
        dense, ours = keras.layers.Dense, kreg.regularizers.L2(l2)
        layers = [
            keras.Input((6,)),
            dense(8, activity_regularizer=keras.regularizers.L2(l2)),
            dense(8, "relu", activity_regularizer=ours),
            Squares(),
            kreg.layers.ScheduledPenalty(
                dense(4), kreg.regularizers.L2(l2), kreg.schedules.Ramp(steps=9)
            ),
        ]
        return zoo.compiled(keras.Sequential(layers), keras.optimizers.SGD(0.1))

    fit = {
        "epochs": 2,
        "batch_size": 16,
        "validation_data": (x[:8], y[:8]),
        "shuffle": False,
        "verbose": 0,
    }
    models = [made(build, l2=l2) for l2 in (0.0, 0.1)]
    histories = Population(models).fit(x, y, **fit)
    alone = made(build, l2=0.1)
    monitor = kreg.callbacks.OverfitMonitor()
    expected = alone.fit(x, y, callbacks=[monitor], **fit).history
    assert_history_is(histories[1], expected)


def test_a_trial_with_dropout_is_the_same_alone_and_among_others():
    x, y = zoo.data("dense")
    settings = [
        {"l2": 1e-4, "rate": 0.1},
        {"l2": 1e-2, "rate": 0.5},
        {"l2": 0.0, "rate": 0.7, "learning_rate": 1e-2},
    ]
    fit = {"epochs": 3, "batch_size": 16, "validation_split": 0.4}
    together = Population([made(zoo.dense, **s) for s in settings]).fit(
        x, y, **fit
    )
    programs = Programs()
    for history, s in zip(together, settings, strict=True):
        (alone,) = Population([made(zoo.dense, **s)], programs=programs).fit(
            x, y, **fit
        )
        assert_history_is(history, alone)


def test_trials_with_seeds_of_their_own_draw_their_own_masks():
    x, y = zoo.data("dense")

    def build(seed):
        model = made(zoo.dense, rate=0.5)
        model.layers[1].seed_generator.state.assign([seed, 0])
        return model

    fit = {"epochs": 2, "batch_size": 16}
    together = Population([build(s) for s in (1, 2, 1)]).fit(x, y, **fit)
    assert together[0] == together[2]
    assert together[0]["loss"] != together[1]["loss"]
    (alone,) = Population([build(2)]).fit(x, y, **fit)
    assert_history_is(together[1], alone)


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.optimizers.Adam(1e-2, amsgrad=True),
        keras.optimizers.AdamW(1e-2, weight_decay=0.1),
        keras.optimizers.RMSprop(1e-2, momentum=0.5, centered=True),
        keras.optimizers.Adagrad(0.1),
        keras.optimizers.Adadelta(1.0),
        keras.optimizers.Adamax(1e-2),
        keras.optimizers.Lion(1e-3),
        keras.optimizers.Ftrl(0.1),
        keras.optimizers.SGD(0.5, clipnorm=0.01),
        keras.optimizers.SGD(0.5, global_clipnorm=0.01),
        keras.optimizers.SGD(0.5, clipvalue=0.001),
        keras.optimizers.SGD(0.1, loss_scale_factor=8.0),
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 20)),
    ],
    ids=lambda o: type(o).__name__,
)
def test_optimizers_step_as_they_do_alone(optimizer):
    def build(l2):
        config = optimizer.get_config()
        own = type(optimizer).from_config(config)
        return made(zoo.dense, l2=l2, optimizer=own, metrics=False)

    x, y = zoo.data("dense")
    fit = {"epochs": 3, "batch_size": 25, "shuffle": False, "verbose": 0}
    histories = Population([build(0.0), build(1e-2)]).fit(x, y, **fit)
    expected = build(1e-2).fit(x, y, **fit).history
    assert_history_is(histories[1], expected, rtol=1e-4)


def test_a_constraint_holds_for_each_trial():
    def build(l2):
        model = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(
                    4,
                    kernel_constraint=keras.constraints.MaxNorm(0.5),
                    kernel_regularizer=keras.regularizers.L2(l2),
                ),
            ]
        )
        return zoo.compiled(model, keras.optimizers.SGD(0.5))

    x, y = zoo.data("dense")
    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    models = [made(build, l2=l2) for l2 in (0.0, 0.1)]
    histories = Population(models).fit(x, y, **fit)
    expected = made(build, l2=0.1).fit(x, y, **fit).history
    assert_history_is(histories[1], expected)


def test_what_is_unstacked_is_the_trained_model():
    x, y = zoo.data("dense")
    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    models = [made(zoo.dense, l2=l2) for l2 in (0.0, 1e-2)]
    population = Population(models)
    population.fit(x, y, **fit)
    alone = made(zoo.dense, l2=1e-2)
    alone.fit(x, y, **fit)
    model = population.unstack(1)
    assert model is models[1]
    for mine, theirs in zip(model.weights, alone.weights, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine),
            keras.ops.convert_to_numpy(theirs),
            atol=1e-6,
        )
    # The state of its optimizer too: it trains on as the other does.
    again = model.fit(x, y, **fit).history
    assert_history_is(again, alone.fit(x, y, **fit).history)


def test_models_of_one_architecture_are_traced_once():
    x, y = zoo.data("dense")
    programs = Programs()
    for wave in range(4):
        models = [
            made(zoo.dense, l2=10.0 ** -(k + wave), rate=0.1 * k)
            for k in range(5)
        ]
        Population(models, programs=programs).fit(x, y, epochs=2, batch_size=8)
        if wave == 0:
            traces = programs.traces
    assert programs.traces == traces


def test_a_metric_of_several_classes_is_a_list():
    x, y = zoo.data("dense")
    y = np.eye(4, dtype="float32")[y]

    def build(l2):
        model = made(zoo.dense, l2=l2)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=[keras.metrics.F1Score()])
        return model

    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    histories = Population([build(0.0), build(0.1)]).fit(x, y, **fit)
    assert np.shape(histories[1]["f1_score"]) == (2, 4)
    assert_history_is(histories[1], build(0.1).fit(x, y, **fit).history)


def test_a_layer_that_assigns_its_weight_trains_as_in_fit_or_not_at_all():
    x, y = zoo.data("dense")

    def build(l2):
        penalty = keras.regularizers.L2(l2)
        layer = keras.layers.Dense(4, kernel_regularizer=penalty)
        model = keras.Sequential(
            [keras.Input((6,)), keras.layers.SpectralNormalization(layer)]
        )
        return zoo.compiled(model, "adam")

    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    population = Population([made(build, l2=v) for v in (0.0, 0.1)])
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(NotStackable, match="assigns a weight"):
            population.fit(x, y, **fit)
        return
    histories = population.fit(x, y, **fit)
    expected = made(build, l2=0.1).fit(x, y, **fit).history
    assert_history_is(histories[1], expected)


def smoothed(l2=0.0, smoothing=0.0):
    x = keras.Input((6,))
    hidden = keras.layers.Dense(
        5, "relu", kernel_regularizer=keras.regularizers.L2(l2)
    )(x)
    outputs = {
        "classes": keras.layers.Dense(4)(hidden),
        "sign": keras.layers.Dense(1, "sigmoid")(hidden),
    }
    model = keras.Model(x, outputs)
    losses = {
        "classes": keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=smoothing
        ),
        "sign": keras.losses.BinaryFocalCrossentropy(
            label_smoothing=smoothing / 2
        ),
    }
    model.compile("adam", losses)
    return model


def test_models_that_differ_in_label_smoothing_have_one_graph(tmp_path):
    x, y = zoo.data("dense")
    y = {"classes": np.eye(4, dtype="float32")[y], "sign": (y > 1)[:, None]}
    y["sign"] = y["sign"].astype("float32")
    settings = [
        {"smoothing": 0.0},
        {"smoothing": 0.4, "l2": 0.1},
    ]
    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    fit.update(validation_data=(x, y), validation_batch_size=len(x))
    population = Population([made(smoothed, **s) for s in settings])
    saves = keras.callbacks.ModelCheckpoint(str(tmp_path / "last.keras"))
    histories = population.fit(x, y, **fit, callbacks=[saves])
    expected = made(smoothed, **settings[1]).fit(x, y, **fit).history
    assert_history_is(histories[1], expected)
    population.set_values({"loss/classes/label_smoothing": [0.2, 0.3]})
    models = [
        population.unstack(1),
        # It was saved with the smoothing with which it was trained.
        keras.models.load_model(tmp_path / "last.keras"),
    ]
    held = [
        [m.loss[key].get_config()["label_smoothing"] for key in y]
        for m in models
    ]
    assert held == [[0.3, 0.2], pytest.approx([0.4, 0.2])]
    loss = models[0].evaluate(x, y, verbose=0)
    measured = population.evaluate(x, y)["loss"][1]
    assert (loss if np.isscalar(loss) else loss[0]) == pytest.approx(measured)


def test_constants_are_those_of_the_population_not_of_the_program():
    x, y = zoo.data("dense")
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    programs = Programs()
    for l2 in (0.5, 0.0):
        population = Population(
            lambda l2=l2: made(zoo.dense, l2=l2),
            {"learning_rate": [1e-2]},
            programs=programs,
        )
        (history,) = population.fit(x, y, **fit)
        model = made(zoo.dense, l2=l2, learning_rate=1e-2)
        assert_history_is(history, model.fit(x, y, **fit).history)

"""What a population does beside training: it stops, keeps, resumes, refuses."""

import copy
import functools
import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest

import kreg
from kreg.population import NotStackable, Programs, folds
from tests.population import zoo

pytestmark = pytest.mark.backends("tensorflow", "jax")

# Tests of one architecture share its graph; compiling is what takes time.
Population = functools.partial(kreg.population.Population, programs=Programs())

FIT = {"epochs": 4, "batch_size": 16, "validation_split": 0.4}


def kreg_model(l2=0.0, rate=0.0, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(
                8,
                "relu",
                kernel_regularizer=kreg.regularizers.L2(l2),
                name="hidden",
            ),
            kreg.layers.ScheduledDropout(
                rate, schedule=kreg.schedules.Ramp(5), seed=1, name="drop"
            ),
            keras.layers.Dense(4, name="scores"),
        ]
    )
    return zoo.compiled(model, keras.optimizers.Adam(learning_rate))


def test_values_are_given_by_path_or_glob():
    population = Population(
        kreg_model,
        {
            "*/l2": [0.0, 0.01, 0.1],
            "drop/rate": [0.0, 0.2, 0.5],
            "learning_rate": [1e-3, 1e-2, 1e-1],
        },
    )
    x, y = zoo.data("dense")
    population.fit(x, y, **FIT)
    values = population.values
    np.testing.assert_allclose(
        values["hidden/kernel_regularizer/l2"], [0.0, 0.01, 0.1]
    )
    np.testing.assert_allclose(values["learning_rate"], [1e-3, 1e-2, 1e-1])
    model = population.unstack(2)
    found = kreg.strengths(model)
    assert found["drop/rate"].value == 0.5
    assert model.get_layer("drop").step == 8  # 30 samples: 2 batches, 4 epochs
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)


def test_a_trial_that_turns_nan_stops_and_the_others_do_not_notice():
    x, y = zoo.data("dense")
    rates = [1e-3, 1e30, 1e-2]
    wild = Population(
        [zoo.dense(learning_rate=r, l2=1e-3) for r in rates], seed=1
    )
    start = [m.get_weights() for m in wild.trials._models]
    histories = wild.fit(x, y, **FIT)
    assert list(wild.failures) == [1]
    assert "after epoch" in wild.failures[1]
    assert len(histories[1]["loss"]) < 4
    calm = [zoo.dense(learning_rate=r, l2=1e-3) for r in (1e-3, 1e-2, 1e-2)]
    for model, weights in zip(
        calm, [start[0], start[2], start[2]], strict=True
    ):
        model.set_weights(weights)
    expected = Population(calm, seed=1).fit(x, y, **FIT)
    assert histories[0] == expected[0]  # to the bit
    assert histories[2] == expected[2]


def test_callbacks_stop_and_steer_their_own_trial():
    x, y = zoo.data("dense")
    models = [zoo.dense(learning_rate=r) for r in (1e-9, 1e-2, 5e-3)]
    stop = keras.callbacks.EarlyStopping("loss", min_delta=1e-3, patience=1)
    histories = Population(models).fit(
        x, y, callbacks=[stop], **{**FIT, "epochs": 6}
    )
    assert len(histories[0]["loss"]) == 2
    assert len(histories[1]["loss"]) == 6

    models = [zoo.dense(learning_rate=r) for r in (1e-9, 1e-2)]
    reduce = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.1, patience=1, min_delta=1e-3
    )
    population = Population(models)
    histories = population.fit(x, y, callbacks=[reduce], **FIT)
    assert histories[0]["learning_rate"][-1] < 1e-9
    np.testing.assert_allclose(population.values["learning_rate"][1], 1e-2)


class Swap(keras.callbacks.Callback):
    """Sets all weights to zero after the first epoch, and a strength."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.set_weights(
                [w if w.ndim == 0 else 0 * w for w in self.model.get_weights()]
            )
            kreg.set_strengths(self.model, {"*/l2": 0.5})


def test_what_a_callback_assigns_counts_for_its_trial_alone():
    x, y = zoo.data("dense")
    plain = Population(kreg_model, {"*/l2": [0.1, 0.1]}).fit(x, y, **FIT)
    population = Population(kreg_model, {"*/l2": [0.1, 0.1]})
    steered = population.fit(x, y, callbacks=[[Swap()], []], **FIT)
    assert steered[1] == plain[1]
    assert steered[0]["loss"][0] == plain[0]["loss"][0]
    assert steered[0]["loss"][1] != plain[0]["loss"][1]
    path = "hidden/kernel_regularizer/l2"
    np.testing.assert_allclose(population.values[path], [0.5, 0.1])
    assert kreg.strengths(population.unstack(0))[path].value == 0.5


def test_the_monitor_judges_each_trial():
    x, y = zoo.data("dense")
    monitor = kreg.callbacks.OverfitMonitor(train_data=(x[:30], y[:30]))
    histories = Population([zoo.dense(l2=v) for v in (0.0, 0.1)]).fit(
        x, y, callbacks=[monitor], **FIT
    )
    assert len(monitor.runs) == 2
    for run, history in zip(monitor.runs, histories, strict=True):
        assert len(run.history["epoch"]) == 4
        assert history["generalization_gap"] == pytest.approx(
            np.subtract(history["val_data_loss"], history["train_data_loss"])
        )


def test_the_best_epoch_is_kept():
    x, y = zoo.data("dense")
    population = Population([zoo.dense(learning_rate=r) for r in (1e-3, 0.5)])
    histories = population.fit(
        x, y, keep_best="val_data_loss", **{**FIT, "epochs": 8}
    )
    for trial in range(2):
        values = histories[trial]["val_data_loss"]
        best = int(np.argmin(values))
        assert population.best_epochs[trial] == best
        model = population.unstack(trial, best=True)
        loss, _ = model.evaluate(x[30:], y[30:], verbose=0)
        assert loss == pytest.approx(values[best], rel=1e-5)


def test_folds_train_and_validate_on_rows_of_their_own():
    x, y = zoo.data("dense")
    splits = folds(len(x), 3, seed=2)
    assert {len(v) for _, v in splits} == {16}
    assert not set.intersection(*(set(v.tolist()) for _, v in splits))
    fit = {"epochs": 2, "batch_size": 8, "shuffle": False}
    models = [zoo.dense() for _ in splits]
    for model in models[1:]:
        model.set_weights(models[0].get_weights())
    alone = copy.deepcopy(models[0].get_weights())
    histories = Population(models).fit(x, y, splits=splits, **fit)
    for history, (train, validation) in zip(histories, splits, strict=True):
        model = zoo.dense()
        model.set_weights(alone)
        expected = model.fit(
            x[train],
            y[train],
            validation_data=(x[validation], y[validation]),
            verbose=0,
            **fit,
        ).history
        np.testing.assert_allclose(
            history["val_loss"], expected["val_loss"], rtol=1e-5
        )


class Batches(keras.utils.PyDataset):
    """Two batches of 20 and one of 10."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(index * 20, (index + 1) * 20)
        return self.x[rows], self.y[rows]


def test_datasets_stream_the_same_batches_to_all_trials():
    x, y = zoo.data("dense")

    def models():
        made = [zoo.dense(l2=v) for v in (0.0, 0.1)]
        made[1].set_weights(made[0].get_weights())
        return made

    first = models()
    start = first[0].get_weights()

    def trained(*data, **fit):
        made = models()
        for model in made:
            model.set_weights(start)
        return Population(made).fit(*data, epochs=2, **fit)

    expected = trained(x, y, batch_size=20, shuffle=False)
    for data in (Batches(x, y), Loader(x, y)):
        streamed = trained(data)
        for mine, theirs in zip(streamed, expected, strict=True):
            np.testing.assert_allclose(mine["loss"], theirs["loss"], rtol=1e-5)


class Loader:
    """An iterable that can be read again, as a loader is."""

    def __init__(self, x, y):
        self.data = Batches(x, y)

    def __iter__(self):
        return (self.data[i] for i in range(3))


KILLED = """
import os, sys
import numpy as np
from kreg.population import Population
from tests.population import zoo
import random

def population():
    random.seed(0)
    return Population([zoo.dense(l2=v, rate=0.3) for v in (0.0, 0.01, 0.1)])

def kill(epoch, logs):
    if epoch == 2 and not os.path.exists(sys.argv[1] + ".killed"):
        open(sys.argv[1] + ".killed", "w").close()
        os.kill(os.getpid(), 9)

x, y = zoo.data("dense")
histories = population().fit(
    x, y, epochs=5, batch_size=16, validation_split=0.4,
    keep_best="val_loss", snapshot=sys.argv[1], on_epoch_end=kill,
)
print([history["val_loss"] for history in histories])
"""


def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(KILLED)
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))

    def start(path):
        return subprocess.Popen(
            [sys.executable, str(script), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )

    (tmp_path / "b.npz.killed").touch()
    whole = start(tmp_path / "b.npz")
    killed = start(tmp_path / "a.npz")
    killed.communicate()
    assert killed.returncode == -9
    resumed = start(tmp_path / "a.npz")
    histories, errors = resumed.communicate()
    assert resumed.returncode == 0, errors
    assert histories == whole.communicate()[0] != ""


class Stops(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


class Dies(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_trial_that_stopped_before_a_kill_counts_its_own_steps(tmp_path):
    def fit(callbacks, name):
        keras.utils.set_random_seed(1)
        population = Population([kreg_model(), kreg_model()])
        path = str(tmp_path / name)
        data = zoo.data("dense")
        return population.fit(*data, callbacks=callbacks, snapshot=path, **FIT)

    whole = fit([[Stops()], []], "whole")
    with pytest.raises(KeyboardInterrupt):
        fit([[Stops()], [Dies()]], "killed")
    again = fit([[Stops()], []], "killed")
    np.testing.assert_allclose(again[1]["loss"], whole[1]["loss"], 1e-5)


@pytest.mark.backends("tensorflow")
def test_optimizers_that_are_not_as_far_do_not_stack():
    model = kreg_model()
    model.optimizer.iterations.assign(5)
    with pytest.raises(NotStackable, match=r"have taken \[0, 5\] steps"):
        Population([kreg_model(), model]).prepare(SAMPLE)


def dropping(*rates):
    stack = [keras.Input((6,))]
    for rate in rates:  # Keras's Dropout(0) has no seed
        stack += [keras.layers.Dense(5, "relu"), keras.layers.Dropout(rate)]
    model = keras.Sequential([*stack, keras.layers.Dense(4)])
    return zoo.compiled(model, keras.optimizers.Adam(1e-2))


def test_rates_of_zero_at_different_places():
    """Models of equally many variables, in another order."""
    x, y = zoo.data("dense")
    rates = [(0.3, 0.0), (0.0, 0.3), (0.3, 0.3), (0.0, 0.0), (0.0, 0.3)]
    models = []
    for trial in rates:
        random.seed(0)
        models.append(dropping(*trial))
    population = Population(models)
    before = [model.get_weights() for model in models]
    population.prepare((x, y, None))
    for trial, weights in enumerate(before):
        model = dropping(*rates[trial])
        population.trials.write(trial, model, best=False)
        for mine, theirs in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_outputs_of_all_trials_at_once():
    x, y = zoo.data("dense")
    models = [zoo.dense(l2=v) for v in (0.0, 0.1)]
    population = Population(models)
    population.fit(x, y, **FIT)
    outputs = population.predict(x, batch_size=7)
    measured = population.evaluate(x, y)
    for trial in range(2):
        model = population.unstack(trial)
        np.testing.assert_allclose(
            outputs[trial], model.predict(x, verbose=0), atol=1e-5
        )
        loss, accuracy = model.evaluate(x, y, verbose=0)
        assert measured["loss"][trial] == pytest.approx(loss, rel=1e-5)
        assert measured["accuracy"][trial] == pytest.approx(accuracy)


class OwnStep(keras.Sequential):
    def train_step(self, *args, **kwargs):
        return super().train_step(*args, **kwargs)


def own_step():
    model = OwnStep([keras.Input((6,)), keras.layers.Dense(4)])
    return zoo.compiled(model, "adam")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Population([]), "at least one model"),
        (lambda: Population(zoo.dense()), "a list of models"),
        (lambda: Population([zoo.dense()], {"*/l2": [0.1]}), "`None` where"),
        (lambda: Population(zoo.dense), "a mapping of paths"),
        (lambda: Population(zoo.dense, {}), "a mapping of paths"),
        (
            lambda: Population(zoo.dense, {"a": [1.0], "b": [1.0, 2.0]}),
            "equally many values",
        ),
        (
            lambda: Population(kreg_model, {"*/l3": [1.0]}).prepare(SAMPLE),
            "No strength matches",
        ),
        (
            lambda: Population(kreg_model, {"*/l2": [-1.0]}).prepare(SAMPLE),
            "Invalid value for argument `l2`",
        ),
        (
            lambda: Population([zoo.dense(), kreg_model()]).prepare(SAMPLE),
            "models 0 and 1 that differ",
        ),
    ],
)
def test_what_cannot_be_a_population_is_refused(make, error):
    with pytest.raises(ValueError, match=error):
        make()


def test_models_that_do_not_stack_say_why():
    with pytest.raises(NotStackable, match="overrides `train_step`"):
        Population([own_step(), own_step()]).prepare(SAMPLE)
    eager = zoo.dense()
    eager.compile("adam", "mse", run_eagerly=True)
    with pytest.raises(NotStackable, match="run_eagerly"):
        Population([eager]).prepare(SAMPLE)
    scaled = [zoo.dense(optimizer=scaling(rate)) for rate in (0.1, 0.2)]
    with pytest.raises(NotStackable, match="one scale for all"):
        Population(scaled).prepare(SAMPLE)
    averaged = zoo.dense(optimizer=keras.optimizers.SGD(0.1, use_ema=True))
    with pytest.raises(NotStackable, match="`use_ema`|averaged weights"):
        Population([averaged]).prepare(SAMPLE)
    inputs = keras.Input(batch_shape=(2, 5, 3))
    stateful = keras.Model(inputs, keras.layers.GRU(2, stateful=True)(inputs))
    stateful.compile("sgd", "mse")
    with pytest.raises(NotStackable, match=r"`gru\w*` is stateful"):
        Population([stateful]).prepare(SAMPLE)
    aligning = zoo.dense()
    aligning.compile("sgd", keras.losses.CTC())
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(NotStackable, match="CTC cannot be mapped"):
            Population([aligning]).prepare(SAMPLE)


def scaling(rate):
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(rate))


def test_callbacks_with_batch_hooks_are_refused():
    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    x, y = zoo.data("dense")
    with pytest.raises(ValueError, match="has batch hooks"):
        Population([zoo.dense()]).fit(x, y, callbacks=[Counts()])


SAMPLE = (zoo.data("dense")[0][:2], zoo.data("dense")[1][:2], None)


def test_a_shared_program_begins_every_population_anew():
    x, y = zoo.data("dense")

    def train(programs, *callbacks):
        random.seed(5)
        models = [zoo.dense(l2=v) for v in (0.0, 0.1)]
        population = kreg.population.Population(models, programs=programs)
        histories = population.fit(x, y, callbacks=list(callbacks), **FIT)
        population.unstack(0)  # the model that was given, written to
        return histories

    programs = Programs()
    monitor = kreg.callbacks.OverfitMonitor(train_data=(x[:30], y[:30]))
    train(programs, monitor)
    expected = train(Programs())
    programs._engines.clear()
    assert train(programs) == expected
    assert train(programs) == expected


@pytest.mark.backends("tensorflow")
def test_xla_trains_the_same():
    x, y = zoo.data("dense")

    def train(jit_compile):
        keras.utils.set_random_seed(5)
        # XLA draws other random numbers than TensorFlow's kernels do.
        models = [zoo.dense(l2=v, rate=0.0) for v in (0.0, 0.1)]
        population = kreg.population.Population(models, jit_compile=jit_compile)
        return population.fit(x, y, **{**FIT, "epochs": 2})

    for plain, compiled in zip(train(False), train(True), strict=True):
        for key, values in plain.items():
            np.testing.assert_allclose(compiled[key], values, rtol=1e-5)


@pytest.mark.backends("tensorflow")
def test_what_xla_compiles_hands_nothing_to_a_graph_within():
    """All inputs of such a graph would be constants; see `Compiled`.

    XLA would compile every step anew. That of the optimizer, which has
    effects, is called statefully, and has no gradient.
    """
    import tensorflow as tf

    x, y = zoo.data("dense")
    models = [zoo.dense(l2=v, rate=0.1) for v in (0.0, 0.1)]
    programs = kreg.population.Programs()
    kreg.population.Population(models, jit_compile=True, programs=programs).fit(
        x, y, **{**FIT, "epochs": 1}
    )
    ((engine,),) = programs._engines.values()
    rows = int(0.6 * len(x))  # not for validation
    data = (tf.constant(x[:rows]), tf.constant(y[:rows].astype("int32")), None)
    step = engine._compiled_step._compiled.get_concrete_function(
        data, tf.range(FIT["batch_size"])
    )
    graph = step.graph.as_graph_def()
    nodes = list(graph.node)
    for function in graph.library.function:
        nodes += function.node_def
    called = {node.op for node in nodes}
    assert "BatchMatMulV2" in called
    assert "PartitionedCall" not in called


@pytest.mark.backends("tensorflow")
def test_what_xla_cannot_compile_trains_without_it(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(
        "kreg.population._devices_tensorflow.has_gpu", lambda: True
    )
    x, y = zoo.data("conv")
    models = [zoo.conv(l2=v) for v in (0.0, 0.1)]
    population = kreg.population.Population(models)
    first, second = population.fit(x, y, epochs=1)
    assert first["loss"] != second["loss"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="XLA"):
        kreg.population.Population(models, jit_compile=True).fit(x, y)


def smoothed(label_smoothing):
    smoothing = kreg.layers.ScheduledLabelSmoothing(
        label_smoothing, name="smoothing"
    )
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4), smoothing]
    )
    model.layers[0].set_weights([np.eye(6, 4), np.zeros(4)])
    loss = kreg.losses.SmoothedSparseCategoricalCrossentropy(
        smoothing, from_logits=True
    )
    model.compile("adam", loss)
    return model


def test_each_trial_has_its_own_label_smoothing():
    x, y = zoo.data("dense")
    fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    population = Population([smoothed(0.0), smoothed(0.4)])
    histories = population.fit(x, y, **fit)
    expected = smoothed(0.4).fit(x, y, **fit).history["loss"]
    np.testing.assert_allclose(histories[1]["loss"], expected, rtol=1e-5)
    population.set_values({"smoothing/label_smoothing": [0.1, 0.2]})
    loss = population.unstack(1).evaluate(x, y, verbose=0)
    assert loss == pytest.approx(population.evaluate(x, y)["loss"][1], rel=1e-5)

"""OverfitMonitor: exact keys, untouched training, every way of calling fit."""

import copy
import math
import warnings

import keras
import numpy as np
import pytest

import kreg

L2 = kreg.regularizers.L2
Monitor = kreg.callbacks.OverfitMonitor
KEYS = {"penalty", "val_data_loss", "train_data_loss", "generalization_gap"}


def data(rows=48, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 5)).astype("float32")
    return x, x[:, :1] + random.normal(size=(rows, 1)).astype("float32")


TRAIN, VALIDATION = data(48, 0), data(37, 1)  # 37: a last batch of 5


def model_of(activity=None, extra=(), loss="mse", **arguments):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(
                8,
                activation="relu",
                kernel_regularizer=L2(0.01),
                activity_regularizer=activity,
            ),
            kreg.layers.ScheduledDropout(0.5),
            *extra,
            keras.layers.Dense(
                1, kernel_regularizer=keras.regularizers.L1(0.02)
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss, **arguments)
    return model


def mse(model, xy):
    x, y = xy
    return float(np.mean((model.predict(x, verbose=0) - y) ** 2))


def weight_penalty(model):
    first, last = model.layers[0], model.layers[-1]
    return 0.01 * np.sum(first.get_weights()[0] ** 2) + 0.02 * np.sum(
        np.abs(last.get_weights()[0])
    )


class Truth(keras.callbacks.Callback):
    """Measures at each epoch's end what the monitor should have found."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        val, train = mse(model, VALIDATION), mse(model, TRAIN)
        self.rows.append((weight_penalty(model), val, train, val - train))


@pytest.mark.parametrize(
    "activity",
    [None, keras.regularizers.L1(0.01), L2(0.02)],
    ids=["none", "keras", "kreg"],
)
def test_keys_are_exact(activity):
    model = model_of(activity)
    truth, monitor = Truth(), Monitor(train_data=TRAIN)
    history = model.fit(
        *TRAIN, batch_size=16, epochs=3, verbose=0,
        validation_data=VALIDATION, validation_batch_size=16,
        callbacks=[monitor, truth],
    ).history  # fmt: skip
    names = "penalty", "val_data_loss", "train_data_loss", "generalization_gap"
    for name, expected in zip(
        names, zip(*truth.rows, strict=True), strict=True
    ):
        np.testing.assert_allclose(history[name], expected, atol=3e-6)
        assert monitor.history[name] == history[name]
    assert "evaluate" not in vars(model)


def test_another_callback_may_evaluate_other_data_before_the_validation():
    model, truth, monitor = model_of(L2(0.02)), Truth(), Monitor()
    other = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: model.evaluate(
            10 * TRAIN[0], TRAIN[1], verbose=0
        )
    )
    model.fit(
        *TRAIN, validation_data=VALIDATION, epochs=2, verbose=0,
        callbacks=[monitor, other, truth],
    )  # fmt: skip
    expected = [val_data_loss for _, val_data_loss, *_ in truth.rows]
    assert monitor.history["val_data_loss"] == pytest.approx(expected, abs=3e-6)


def test_an_add_loss_of_a_layer_is_no_activity_penalty():
    class Objective(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(keras.ops.square(x)))
            return x

    model = model_of(keras.regularizers.L1(0.01), extra=[Objective()])
    history = model.fit(
        *TRAIN, verbose=0, validation_data=VALIDATION, callbacks=[Monitor()]
    ).history
    x, _ = VALIDATION
    hidden = keras.Model(model.inputs, model.layers[1].output)
    added = np.mean(hidden.predict(x, verbose=0)[:32] ** 2) * 32 / 37
    added += np.mean(hidden.predict(x, verbose=0)[32:] ** 2) * 5 / 37
    expected = mse(model, VALIDATION) + added
    assert history["val_data_loss"] == pytest.approx([expected], abs=1e-5)


def test_training_is_the_same_with_and_without_the_monitor():
    def fit(callbacks):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(3)
        model = model_of(L2(0.01), metrics=["mae"])
        return model.fit(
            *TRAIN, batch_size=16, epochs=3, verbose=0,
            validation_data=VALIDATION, callbacks=callbacks,
        ).history  # fmt: skip

    with_monitor = fit([Monitor(train_data=TRAIN)])
    without = fit([])
    assert {k: with_monitor[k] for k in without} == without
    assert set(with_monitor) - set(without) == KEYS


def test_the_probe_is_a_fixed_sample():
    x, y = data(100)
    probe = Monitor(train_data=(x, y), probe_size=10, seed=1)._probe
    (chosen, targets, _), *rest = probe.batches
    assert not rest
    assert len(np.unique(chosen, axis=0)) == 10
    rows = [int(np.flatnonzero((x == row).all(1))[0]) for row in chosen]
    np.testing.assert_array_equal(y[rows], targets)
    again = Monitor(train_data=(x, y), probe_size=10, seed=1)._probe
    np.testing.assert_array_equal(again.batches[0][0], chosen)
    other = Monitor(train_data=(x, y), probe_size=10, seed=2)._probe
    assert (other.batches[0][0] != chosen).any()


def test_the_probe_has_the_dtype_that_fit_gives_the_data():
    """Else a metric of the user's own may fail there alone."""
    x, y = (array.astype("float64") for array in TRAIN)
    probe = Monitor(train_data=(x, y))._probe
    assert {a.dtype.name for a in probe.batches[0][:2]} == {"float32"}
    labels = np.arange(len(x))
    assert (
        Monitor(train_data=(x, labels))._probe.batches[0][1].dtype.kind == "i"
    )


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size=16):
        super().__init__()
        self.xy, self.size = (x, y), size

    def __len__(self):
        return math.ceil(len(self.xy[0]) / self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return tuple(a[rows] for a in self.xy)


def endless(x, y, size=16):
    while True:
        for begin in range(0, len(x), size):
            yield x[begin : begin + size], y[begin : begin + size]


@pytest.mark.parametrize(
    "activity", [None, L2(0.02)], ids=["plain", "activity"]
)
def test_datasets(activity):
    model = model_of(activity)
    history = model.fit(
        Batches(*TRAIN), epochs=2, verbose=0,
        validation_data=Batches(*VALIDATION),
        callbacks=[Monitor(train_data=Batches(*TRAIN))],
    ).history  # fmt: skip
    expected = mse(model, VALIDATION), mse(model, TRAIN)
    assert history["val_data_loss"][-1] == pytest.approx(expected[0], abs=3e-6)
    assert history["train_data_loss"][-1] == pytest.approx(
        expected[1], abs=3e-6
    )


@pytest.mark.backends("tensorflow")
def test_infinite_tf_data():
    import tensorflow as tf

    def dataset(x, y):
        return tf.data.Dataset.from_tensor_slices((x, y)).batch(16).repeat()

    x, y = TRAIN
    model = model_of(L2(0.02))
    history = model.fit(
        dataset(x, y), shuffle=False, steps_per_epoch=3, epochs=2, verbose=0,
        validation_data=dataset(x, y), validation_steps=3,
        callbacks=[Monitor(train_data=dataset(x, y), probe_size=48)],
    ).history  # fmt: skip
    assert history["val_data_loss"][-1] == pytest.approx(
        mse(model, TRAIN), abs=3e-6
    )
    assert history["generalization_gap"] == pytest.approx([0, 0], abs=3e-6)


def test_generators():
    model = model_of()
    history = model.fit(
        endless(*TRAIN), shuffle=False, steps_per_epoch=3, epochs=2, verbose=0,
        validation_data=endless(*VALIDATION), validation_steps=3,
        callbacks=[Monitor(train_data=TRAIN)],
    ).history  # fmt: skip
    assert history["train_data_loss"][-1] == pytest.approx(
        mse(model, TRAIN), abs=3e-6
    )
    assert len(history["val_data_loss"]) == 2


def test_a_validation_generator_with_activity_penalties_says_what_to_do():
    with pytest.raises(ValueError, match="arrays or a dataset as `validation"):
        model_of(L2(0.02)).fit(
            *TRAIN, verbose=0, validation_data=endless(*VALIDATION),
            validation_steps=3, callbacks=[Monitor()],
        )  # fmt: skip


def test_sample_weights():
    x, y = VALIDATION
    weights = np.linspace(0.1, 2, len(x)).astype("float32")
    model = model_of()
    monitor = Monitor(train_data=(x, y, weights))
    history = model.fit(
        *TRAIN, verbose=0, validation_data=(x, y, weights),
        validation_batch_size=64, callbacks=[monitor],
    ).history  # fmt: skip
    errors = (model.predict(x, verbose=0) - y)[:, 0] ** 2
    expected = np.mean(errors * weights)
    assert history["val_data_loss"] == pytest.approx([expected], abs=3e-6)
    assert history["generalization_gap"] == pytest.approx([0], abs=3e-6)


def test_several_inputs_and_outputs():
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    x = keras.layers.Add()([a, b])
    one = keras.layers.Dense(1, kernel_regularizer=L2(0.1), name="one")(x)
    two = keras.layers.Dense(1, name="two")(x)
    model = keras.Model({"a": a, "b": b}, {"one": one, "two": two})
    model.compile(
        "sgd",
        {"one": "mse", "two": "mse"},
        loss_weights={"one": 1.0, "two": 3.0},
    )

    def xy(rows):
        x, y = rows
        return {"a": x, "b": -2 * x}, {"one": y, "two": y + 1}

    monitor = Monitor(train_data=xy(TRAIN), probe_size=20)
    model.fit(
        *xy(TRAIN), epochs=2, verbose=0, validation_data=xy(VALIDATION),
        callbacks=[monitor],
    )  # fmt: skip
    x, y = xy(VALIDATION)
    p = model.predict(x, verbose=0)
    expected = np.mean((p["one"] - y["one"]) ** 2) + 3 * np.mean(
        (p["two"] - y["two"]) ** 2
    )
    assert monitor.history["val_data_loss"][-1] == pytest.approx(
        expected, rel=1e-5
    )


def test_validation_freq_leaves_gaps():
    model = model_of()
    monitor = Monitor(train_data=TRAIN)
    history = model.fit(
        *TRAIN, epochs=5, verbose=0, validation_data=VALIDATION,
        validation_freq=2, callbacks=[monitor],
    ).history  # fmt: skip
    assert len(history["val_data_loss"]) == 2
    assert len(history["train_data_loss"]) == 5
    recorded = monitor.history["val_data_loss"]
    assert [math.isnan(v) for v in recorded] == [True, False, True, False, True]
    assert monitor.verdict.best_epoch in (1, 3)


def test_a_second_fit_starts_anew_and_initial_epoch_goes_on():
    model, monitor = model_of(), Monitor()

    def fit(**arguments):
        model.fit(
            *TRAIN, verbose=0, validation_data=VALIDATION,
            callbacks=[monitor], **arguments,
        )  # fmt: skip

    fit(epochs=3)
    assert monitor.history["epoch"] == [0, 1, 2]
    fit(epochs=5, initial_epoch=3)
    assert monitor.history["epoch"] == [0, 1, 2, 3, 4]
    fit(epochs=2)
    assert monitor.history["epoch"] == [0, 1]
    assert all(len(v) == 2 for v in monitor.history.values())


def test_a_missing_validation_set_is_an_error_that_says_how_to_give_one():
    with pytest.raises(ValueError, match=r"Pass `validation_data=\(x_val"):
        model_of().fit(*TRAIN, verbose=0, callbacks=[Monitor()])


def test_a_long_run_without_validation_is_warned_of_early():
    with (
        pytest.warns(UserWarning, match="needs a validation set"),
        pytest.raises(ValueError, match="needs a validation set"),
    ):
        model_of().fit(*TRAIN, epochs=11, verbose=0, callbacks=[Monitor()])


def test_there_is_no_verdict_before_training():
    with pytest.raises(RuntimeError, match="There is no verdict yet"):
        Monitor().verdict  # noqa: B018


@pytest.mark.parametrize(
    "wrong",
    [
        (np.ones((4, 5)),),
        (np.ones((4, 5)), np.ones((3, 1))),
        [np.ones((4, 5)), np.ones((4, 1))],
        (np.ones((0, 5)), np.ones((0, 1))),
        "data",
        7,
        [],
    ],
    ids=["no y", "rows", "list", "empty", "string", "number", "nothing"],
)
def test_what_is_no_training_data_is_refused_at_once(wrong):
    with pytest.raises(
        ValueError, match="argument `train_data`. Expected a tu"
    ):
        Monitor(train_data=wrong)


@pytest.mark.parametrize(
    "x",
    [np.ones((4, 6)), (np.ones((4, 5)), np.ones((4, 5))), np.ones((4, 5, 2))],
    ids=["features", "inputs", "rank"],
)
def test_training_data_of_another_structure_is_refused_before_training(x):
    model = model_of()
    before = model.get_weights()
    with pytest.raises(ValueError, match="argument `train_data`. Expected inp"):
        model.fit(
            *TRAIN, verbose=0, validation_data=VALIDATION,
            callbacks=[Monitor(train_data=(x, np.ones((4, 1))))],
        )  # fmt: skip
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_interrupted_fit_keeps_the_results():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.epoch == 2:
                raise KeyboardInterrupt

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    monitor = Monitor(train_data=TRAIN)
    with pytest.raises(KeyboardInterrupt):
        model_of(L2(0.1)).fit(
            *TRAIN, epochs=5, verbose=0, validation_data=VALIDATION,
            callbacks=[monitor, Interrupt()],
        )  # fmt: skip
    assert monitor.history["epoch"] == [0, 1]
    assert monitor.verdict.best_epoch in (0, 1)


def test_later_callbacks_and_the_log_file_see_the_keys(tmp_path):
    log = tmp_path / "log.csv"
    stop = keras.callbacks.EarlyStopping(
        "val_data_loss", patience=0, mode="max"
    )
    fitted = model_of().fit(
        *TRAIN, epochs=9, verbose=0, validation_data=VALIDATION,
        callbacks=[
            Monitor(train_data=TRAIN), keras.callbacks.CSVLogger(log), stop,
        ],
    )  # fmt: skip
    assert stop.best in fitted.history["val_data_loss"]
    assert set(log.read_text().splitlines()[0].split(",")) >= KEYS
    assert kreg.diagnosis.read_history(log).diagnose().status


def test_an_earlier_callback_says_which_metrics_there_are():
    stop = keras.callbacks.EarlyStopping("val_data_loss", mode="min")
    with pytest.warns(
        UserWarning, match="Available metrics are: loss,val_loss"
    ):
        model_of().fit(
            *TRAIN, verbose=0, validation_data=VALIDATION,
            callbacks=[stop, Monitor()],
        )  # fmt: skip


def test_scheduled_penalties_count_as_penalty_but_not_in_val_data_loss():
    scheduled = kreg.layers.ScheduledPenalty(
        keras.layers.Dense(8), L2(0.5), kreg.schedules.Constant()
    )
    model = model_of(extra=[scheduled])
    monitor = Monitor()
    history = model.fit(
        *TRAIN, verbose=0, validation_data=VALIDATION, callbacks=[monitor]
    ).history
    assert monitor.history["train_loss"] == pytest.approx(
        [history["loss"][0] - history["penalty"][0]]
    )
    beside = 0.5 * np.sum(scheduled.layer.get_weights()[0] ** 2)
    expected = weight_penalty(model) + beside
    assert history["penalty"] == pytest.approx([expected], rel=1e-5)
    assert history["val_data_loss"] == pytest.approx(
        [mse(model, VALIDATION)], abs=3e-6
    )


def test_copies_share_the_probe_and_are_found_as_runs():
    monitor = Monitor(train_data=TRAIN)
    copies = [copy.deepcopy(monitor) for _ in range(2)]
    for index, one in enumerate(copies):
        assert one._probe is monitor._probe
        model_of().fit(
            *TRAIN, epochs=index + 1, verbose=0,
            validation_data=VALIDATION, callbacks=[one],
        )  # fmt: skip
    assert monitor.runs == copies
    assert [len(run.history["epoch"]) for run in monitor.runs] == [1, 2]
    assert monitor.history["epoch"] == []
    assert all(run.verdict.status for run in monitor.runs)


def test_a_subclassed_and_an_unbuilt_model():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_regularizer=L2(0.1))

        def call(self, x):
            return self.dense(x)

    for model in (Model(), keras.Sequential([keras.layers.Dense(1)])):
        model.compile("sgd", "mse")
        history = model.fit(
            *TRAIN, verbose=0, validation_data=VALIDATION,
            callbacks=[Monitor(train_data=TRAIN)],
        ).history  # fmt: skip
        assert history["val_data_loss"] == pytest.approx(
            [mse(model, VALIDATION)], abs=3e-6
        )


class OwnLoss(keras.Model):
    """Leaves the penalties out of its loss, or adds them, as told."""

    def __init__(self, adds, activity=None):
        super().__init__()
        self.adds = adds
        self.hidden = keras.layers.Dense(
            8, kernel_regularizer=L2(0.01), activity_regularizer=activity
        )
        self.outer = keras.layers.Dense(1)

    def call(self, x):
        return self.outer(self.hidden(x))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = keras.ops.mean(keras.ops.square(y - y_pred))
        return loss + sum(self.losses) if self.adds else loss


class OwnStep(OwnLoss):
    """With a step as in Keras's guides, that takes two things."""

    def test_step(self, data):
        x, y = data
        loss = self.compute_loss(x, y, self(x, training=False))
        self._loss_tracker.update_state(
            loss, sample_weight=keras.ops.shape(x)[0]
        )
        return self.get_metrics_result()


# On JAX a step takes the state and returns it.
STEPS = pytest.param(OwnStep, marks=pytest.mark.backends("tensorflow", "torch"))


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("kind", [OwnLoss, STEPS])
def test_only_penalties_that_a_loss_of_ones_own_contains_are_subtracted(
    kind, adds
):
    model = kind(adds, L2(0.02))
    model.compile("adam")
    monitor = Monitor(train_data=TRAIN)
    model.fit(
        *TRAIN, validation_data=VALIDATION, verbose=0, callbacks=[monitor]
    )
    for name, xy in (("train", TRAIN), ("val", VALIDATION)):
        found = monitor.history[f"{name}_data_loss"]
        assert found == pytest.approx([mse(model, xy)], abs=3e-6)
    assert model.run_eagerly is False


def test_without_data_to_try_a_loss_of_ones_own_on_it_warns():
    model = OwnLoss(True)
    model.compile("adam")
    with pytest.warns(UserWarning, match="Pass `train_data`, or arrays or a"):
        model.fit(
            *TRAIN, validation_data=endless(*VALIDATION), validation_steps=3,
            verbose=0, callbacks=[Monitor()],
        )  # fmt: skip


def test_a_diverged_run_is_recorded_and_judged():
    model = model_of()
    model.compile(keras.optimizers.SGD(1e30), "mse")
    monitor = Monitor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            *TRAIN, epochs=8, verbose=0, validation_data=VALIDATION,
            callbacks=[monitor],
        )  # fmt: skip
    assert monitor.verdict.status == "diverged"


def test_a_model_of_another_keras_is_refused():
    with pytest.raises(TypeError, match="Expected a Keras 3 layer or model"):
        Monitor().set_model(object())

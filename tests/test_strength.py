"""`Strength`: what it accepts, what training makes of it."""

import copy
import math
import pickle

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests.backends import CountingDense

BAD = [-1e-9, math.nan, math.inf, 1e39, True, "0.1", None, [0.1], np.True_]


def holder(rate=0.5):
    return kreg.layers.ScheduledDropout(rate)


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize(
    "assign",
    [
        lambda layer, v: layer.rate.assign(v),
        lambda layer, v: setattr(layer.rate, "value", v),
        lambda layer, v: setattr(layer, "rate", v),
        lambda layer, v: kreg.set_strengths(layer, {"rate": v}),
    ],
    ids=["assign", "value", "attribute", "set_strengths"],
)
def test_every_way_to_assign_is_checked_and_changes_nothing(assign, bad):
    layer = holder()
    with pytest.raises(ValueError, match="Invalid value for argument `rate`"):
        assign(layer, bad)
    assert layer.rate.value == 0.5
    assert float(ops.convert_to_numpy(layer.rate.variable)) == 0.5


def test_a_rate_ends_at_one_and_a_penalty_does_not():
    with pytest.raises(ValueError, match=r"\[0, 1\]. Received: rate=1.01"):
        holder().rate.assign(1.01)
    penalty = kreg.regularizers.L2(0.1)
    penalty.l2.assign(50)
    assert penalty.l2.value == 50.0


@pytest.mark.parametrize("value", [0.1, np.float32(0.1), np.float64(0.1), 0])
def test_value_is_what_was_given(value):
    penalty = kreg.regularizers.L2(value)
    assert penalty.l2.value == float(value)
    assert penalty.get_config() == {"l2": float(value)}
    assert float(penalty.l2) == float(value)


def test_value_assigned_by_keras_is_seen():
    penalty = kreg.regularizers.L2(0.1)
    penalty.l2.variable.assign(0.05)
    assert penalty.l2.value == 0.05  # not 0.0500000007


def test_assigning_a_number_to_the_attribute_sets_the_strength():
    layer = holder()
    strength = layer.rate
    layer.rate = 0.25
    assert layer.rate is strength
    assert strength.value == 0.25


def test_effective_is_value_times_schedule():
    layer = kreg.layers.ScheduledDropout(0.8, kreg.schedules.Ramp(steps=4))
    x = np.ones((2, 2), "float32")
    seen = []
    for _ in range(6):
        seen.append(float(layer.rate.effective))
        layer(x, training=True)
    np.testing.assert_allclose(seen, [0, 0.2, 0.4, 0.6, 0.8, 0.8], rtol=1e-6)
    assert layer.rate.value == 0.8


def test_effective_is_a_tensor_that_an_assignment_does_not_change():
    layer = holder(0.5)
    before = layer.rate.effective
    assert not isinstance(before, keras.Variable)
    layer.rate = 0.25
    assert float(before) == 0.5
    assert float(layer.rate.effective) == 0.25


def test_effective_is_clipped_where_a_schedule_leaves_its_range():
    class Wild(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return ops.where(ops.equal(step, 123_456), 7.0, 1.0)

        def get_config(self):
            return {}

    layer = kreg.layers.ScheduledDropout(0.8, Wild())  # not a sampled step
    layer.counter.calls.assign(123_456)
    assert float(layer.rate.effective) == pytest.approx(0.8)


class Assign(keras.callbacks.Callback):
    """Assigns `values[i]` at the i-th call of the hook."""

    def __init__(self, hook, values, path="*/l2"):
        super().__init__()
        self.values = iter(values)
        self.path = path
        setattr(self, hook, self.assign)

    def assign(self, index, logs=None):
        kreg.set_strengths(self.model, {self.path: next(self.values)})


def penalized(jit_compile, kernel=1.0):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            CountingDense(
                3,
                use_bias=False,
                kernel_initializer=keras.initializers.Constant(kernel),
                kernel_regularizer=kreg.regularizers.L2(1.0),
                trainable=True,
            ),
        ]
    )
    # With a rate of 0 the loss is the penalty, and nothing else moves.
    model.compile(
        keras.optimizers.SGD(0.0),
        lambda y, p: ops.zeros_like(p),
        jit_compile=jit_compile,
    )
    return model


@pytest.mark.parametrize(
    "jit_compile",
    [
        "auto",
        pytest.param(True, marks=pytest.mark.backends("tensorflow", "jax")),
    ],
)
def test_training_obeys_in_the_same_epoch_without_a_retrace(jit_compile):
    model = penalized(jit_compile)
    x, y = np.zeros((8, 5), "float32"), np.zeros((8, 3), "float32")
    model.fit(x, y, batch_size=4, verbose=0)
    traced = CountingDense.calls
    history = model.fit(
        x,
        y,
        batch_size=4,
        epochs=4,
        verbose=0,
        callbacks=[Assign("on_epoch_begin", [0.0, 2.0, 0.5, 3.0])],
    ).history
    np.testing.assert_allclose(history["loss"], [0, 30, 7.5, 45], rtol=1e-6)
    if keras.backend.backend() != "torch":  # Torch runs Python at every step
        assert CountingDense.calls == traced


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
def test_training_obeys_batch_hooks(hook):
    model = penalized(jit_compile=False)
    x, y = np.zeros((16, 5), "float32"), np.zeros((16, 3), "float32")
    losses = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(logs["loss"])  # running mean

    model.fit(
        x,
        y,
        batch_size=4,
        verbose=0,
        callbacks=[Record(), Assign(hook, [2.0, 4.0, 6.0, 8.0])],
    )
    each = np.diff(np.concatenate([[0], np.cumsum(np.ones(4)) * losses])) / 15
    expected = [2, 4, 6, 8] if hook.endswith("begin") else [1, 2, 4, 6]
    np.testing.assert_allclose(each, expected, rtol=1e-5)
    assert model.layers[0].kernel_regularizer.l2.value == 8.0


def test_config_can_be_read_in_a_batch_hook():
    model = penalized(jit_compile=False)
    penalty = model.layers[0].kernel_regularizer
    configs = []

    class Read(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            configs.append(penalty.get_config())

    x, y = np.zeros((8, 5), "float32"), np.zeros((8, 3), "float32")
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[Read()])
    assert configs == [{"l2": 1.0}] * 2


@pytest.mark.backends("jax")
def test_reading_a_value_that_jax_holds_says_what_to_do():
    model = penalized(jit_compile=False)
    strength = model.layers[0].kernel_regularizer.l2
    errors = []

    class Read(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            try:
                strength.value  # noqa: B018
            except RuntimeError as error:
                errors.append(str(error))

    x, y = np.zeros((8, 5), "float32"), np.zeros((8, 3), "float32")
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[Read()])
    assert errors
    assert "read `self.model` first" in errors[0]


def test_early_stopping_restores_strengths_and_steps_with_the_weights():
    model = keras.Sequential(
        [
            keras.Input((5,)),
            kreg.layers.ScheduledDropout(0.5, kreg.schedules.Ramp(100)),
            keras.layers.Dense(
                1, kernel_regularizer=kreg.regularizers.L2(1e-3)
            ),
        ]
    )
    model.compile(keras.optimizers.SGD(-0.01), "mse")  # it only gets worse
    x = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
    stop = keras.callbacks.EarlyStopping(
        "loss", patience=2, mode="min", restore_best_weights=True
    )
    assign = Assign("on_epoch_begin", [0.1, 0.2, 0.3, 0.4, 0.5])
    fitted = model.fit(
        x, x[:, :1] + 5, batch_size=4, epochs=5, verbose=0,
        callbacks=[assign, stop],
    )  # fmt: skip
    assert len(fitted.epoch) == 3
    found = kreg.strengths(model)
    assert found["dense/kernel_regularizer/l2"].value == pytest.approx(0.1)
    assert model.layers[0].step == 2  # of 6


@pytest.mark.parametrize(
    "kind",
    [
        keras.models.clone_model,
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
    ],
    ids=["clone", "deepcopy", "pickle"],
)
def test_a_copied_model_has_strengths_of_its_own(kind):
    penalty = kreg.regularizers.L2(1.0)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3, kernel_regularizer=penalty)]
    )
    other = kind(model)
    kreg.set_strengths(other, {"*": 0.125})
    values = [s.value for s in kreg.strengths(model).values()]
    assert values == [1.0]
    assert [s.value for s in kreg.strengths(other).values()] == [0.125]


@pytest.mark.backends("tensorflow")
def test_checkpoints_of_tensorflow_hold_strengths_and_steps(tmp_path):
    import tensorflow as tf

    dense = keras.layers.Dense(1, kernel_regularizer=kreg.regularizers.L2(0.1))
    noise = kreg.layers.ScheduledDropout(0.5)
    model = keras.Sequential([keras.Input((2,)), dense, noise])
    penalty = kreg.regularizers.ElasticNet(0.1, 0.2)
    optimizer = kreg.optimizers.Proximal("sgd", {"kernel": penalty})
    optimizer.build(model.trainable_variables)
    model(np.ones((1, 2)), training=True)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    path = checkpoint.save(tmp_path / "checkpoint")
    noise.rate, dense.kernel_regularizer.l2, penalty.l2 = 0.9, 0.9, 0.9
    model(np.ones((1, 2)), training=True)
    checkpoint.restore(path)
    assert noise.rate.value == 0.5
    assert dense.kernel_regularizer.l2.value == 0.1
    assert penalty.l2.value == 0.2
    assert noise.step == 1


def test_repr_says_name_value_and_schedule():
    layer = kreg.layers.ScheduledDropout(0.5, kreg.schedules.Ramp(steps=10))
    assert "rate=0.5" in repr(layer.rate)
    assert "Ramp(steps=10" in repr(layer.rate)

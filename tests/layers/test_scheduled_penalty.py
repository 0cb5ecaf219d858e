"""ScheduledPenalty: the loss it adds, step by step, and only in training."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

L2, Ramp = kreg.regularizers.L2, kreg.schedules.Ramp
Scheduled = kreg.layers.ScheduledPenalty


def model_of(layer, rate=0.0, **arguments):
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile(keras.optimizers.SGD(rate), "mse", **arguments)
    return model


def ones(units=2, **arguments):
    return keras.layers.Dense(units, kernel_initializer="ones", **arguments)


X = np.zeros((16, 4), "float32")  # the data loss is 0, whatever the kernel
Y = np.zeros((16, 2), "float32")


@pytest.mark.parametrize(
    "jit_compile",
    [
        "auto",
        pytest.param(True, marks=pytest.mark.backends("tensorflow", "jax")),
    ],
)
def test_the_loss_of_each_step_is_the_schedule_times_the_penalty(jit_compile):
    layer = Scheduled(ones(), L2(0.5), Ramp(4))  # penalty of 8 ones: 4
    model = model_of(layer, jit_compile=jit_compile)
    losses, seen = [], []
    for _ in range(6):
        losses.append(float(model.train_on_batch(X, Y)))
        model.reset_metrics()
        seen.append(layer.step)
    np.testing.assert_allclose(losses, [0, 1, 2, 3, 4, 4], rtol=1e-6)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_val_loss_is_clean_and_evaluate_does_not_count():
    layer = Scheduled(ones(), L2(0.5), kreg.schedules.Constant())
    model = model_of(layer)
    fitted = model.fit(X, Y, validation_data=(X, Y), batch_size=4, verbose=0)
    assert fitted.history["loss"] == pytest.approx([4.0])
    assert fitted.history["val_loss"] == [0.0]
    assert layer.step == 4


def test_constant_schedule_trains_as_keras_regularizer_does():
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    wrapped = Scheduled(
        ones(use_bias=False), L2(0.3), kreg.schedules.Constant()
    )
    ours = model_of(wrapped, rate=0.05)
    theirs = model_of(
        ones(use_bias=False, kernel_regularizer=keras.regularizers.L2(0.3)),
        rate=0.05,
    )
    for model in (ours, theirs):
        model.fit(x, x[:, :2], batch_size=4, epochs=3, verbose=0, shuffle=False)
    np.testing.assert_allclose(
        wrapped.layer.get_weights()[0],
        theirs.layers[0].get_weights()[0],
        rtol=1e-6,
    )


def test_its_strength_is_found_scheduled_assignable_and_saved(tmp_path):
    model = model_of(Scheduled(ones(), L2(0.5), Ramp(8), name="sp"))
    model.fit(X, Y, batch_size=4, verbose=0)
    strength = kreg.strengths(model)["sp/penalty/l2"]
    assert float(strength.effective) == pytest.approx(0.25)
    strength.value = 5.0
    model.reset_metrics()
    assert float(model.train_on_batch(X, Y)) == pytest.approx(0.5 * 5 * 8)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].step == 5
    again = kreg.strengths(loaded)["sp/penalty/l2"]
    assert (again.value, float(again.effective)) == (5.0, 3.125)


def test_weights_are_chosen_by_name_also_inside():
    layer = Scheduled(
        keras.layers.LSTM(3),
        L2(1.0),
        kreg.schedules.Constant(),
        weights=["kernel", "recurrent_kernel"],
    )
    layer(np.ones((2, 5, 4), "float32"), training=True)
    weights = [v for v in layer.layer.weights if v.name.endswith("kernel")]
    expected = [np.sum(ops.convert_to_numpy(v) ** 2) for v in weights]
    assert len(expected) == 2
    got = [float(loss) for loss in layer.losses]
    np.testing.assert_allclose(sorted(got), sorted(expected), rtol=1e-6)
    assert float(layer.current_penalty()) == pytest.approx(sum(expected))


def test_an_unknown_weight_name_lists_those_there_are():
    layer = Scheduled(ones(), L2(), Ramp(4), weights="kernels")
    with pytest.raises(ValueError, match=r"which are \['bias', 'kernel'\]"):
        layer.build((None, 4))


def test_a_frozen_layer_pays_nothing():
    layer = Scheduled(ones(), L2(1.0), kreg.schedules.Constant())
    layer.trainable = False
    layer(X, training=True)
    assert layer.losses == []


def test_masks_and_call_arguments_reach_the_layer():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = Scheduled(keras.layers.LSTM(3, return_sequences=True), L2(), Ramp(4))(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    padded = model(np.array([[1, 2, 0, 0, 0]]))
    short = model(np.array([[1, 2]]))
    np.testing.assert_allclose(
        ops.convert_to_numpy(padded), ops.convert_to_numpy(short), atol=1e-6
    )


def test_calls_per_step_shares_the_penalty():
    shared = Scheduled(
        ones(4), L2(0.5), kreg.schedules.Constant(), calls_per_step=2
    )
    inputs = keras.Input((4,))
    model = keras.Model(inputs, shared(shared(inputs)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    assert float(model.train_on_batch(X, X)) == pytest.approx(8.0)  # once
    assert shared.step == 1


@pytest.mark.parametrize(
    ("penalty", "sentence"),
    [
        (keras.regularizers.L2(0.1), "Expected a kreg penalty such as"),
        (0.1, "Expected a kreg penalty such as"),
    ],
)
def test_another_penalty_is_refused(penalty, sentence):
    with pytest.raises(ValueError, match=sentence):
        Scheduled(ones(), penalty, Ramp(4))


def test_a_penalty_that_is_scheduled_already_is_refused():
    penalty = L2(0.1)
    Scheduled(ones(), penalty, Ramp(4))
    with pytest.raises(ValueError, match="a penalty of its own"):
        Scheduled(ones(), penalty, Ramp(4))


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="Expected a Keras 3 layer or model"):
        Scheduled("dense", L2(), Ramp(4))

"""Monte Carlo predictions: noise on, normalization off, nothing changed."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg


def noisy_model(layer=None, outputs=3):
    return keras.Sequential(
        [
            keras.Input((4,)),
            layer or kreg.layers.ScheduledDropout(0.5, seed=1),
            keras.layers.Dense(outputs),
        ]
    )


def x_of(samples):
    return np.random.default_rng(0).normal(size=(samples, 4)).astype("float32")


def state_of(model):
    return [np.array(ops.convert_to_numpy(v)) for v in model.variables]


def test_mean_and_deviation_are_those_of_dropout():
    model = noisy_model(outputs=1)
    kernel = ops.convert_to_numpy(model.layers[-1].kernel)[:, 0]
    x = x_of(40)
    samples = 4000
    mean, stddev = kreg.mc_predict(model, x, samples, batch_size=16, seed=3)
    # Each term is 0 or 2 x w: mean x w, variance (x w)^2.
    expected = np.sqrt(((x * kernel) ** 2).sum(axis=1))
    error = np.abs(mean[:, 0] - x @ kernel) / (expected / np.sqrt(samples))
    assert error.max() < 5  # standard errors, 40 means: 1 failure in 40,000
    np.testing.assert_allclose(stddev[:, 0], expected, rtol=0.1)


def test_samples_and_inputs_are_drawn_independently():
    model = noisy_model()
    x = np.ones((6, 4), "float32")
    mean, stddev = kreg.mc_predict(model, x, samples=2, batch_size=2)
    assert len(np.unique(np.round(mean, 5), axis=0)) > 2
    assert stddev.max() > 0


def test_nothing_changes_and_seeds_repeat():
    model = noisy_model()
    model(x_of(1), training=True)
    before = state_of(model)
    once = kreg.mc_predict(model, x_of(5), samples=3, seed=8)
    again = kreg.mc_predict(model, x_of(5), samples=3, seed=8)
    other = kreg.mc_predict(model, x_of(5), samples=3, seed=9)
    for a, b in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(once, again)
    assert np.abs(once[0] - other[0]).max() > 0


def test_weight_noise_is_drawn_anew_for_each_sample():
    layer = kreg.layers.WeightNoise(
        keras.layers.Dense(1, kernel_initializer="zeros"), 0.5, weights="kernel"
    )
    model = keras.Sequential([keras.Input((4,)), layer])
    x = np.ones((3, 4), "float32")
    mean, stddev = kreg.mc_predict(model, x, samples=3000)
    np.testing.assert_allclose(stddev, 1.0, rtol=0.1)  # 0.5 * sqrt(4)
    assert np.abs(mean).max() < 0.1


def test_batch_normalization_infers_and_keeps_its_flags():
    normalization = keras.layers.BatchNormalization()
    model = keras.Sequential(
        [keras.Input((4,)), normalization, keras.layers.Dense(2)]
    )
    normalization.moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    normalization.gamma.trainable = False
    before = state_of(model)
    mean, stddev = kreg.mc_predict(model, x_of(5), samples=4)
    np.testing.assert_allclose(
        mean, model.predict(x_of(5), verbose=0), atol=1e-5
    )
    np.testing.assert_allclose(stddev, 0.0, atol=1e-6)
    for a, b in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert normalization.trainable
    assert normalization.beta.trainable
    assert not normalization.gamma.trainable


def test_keeps_the_structure_of_the_outputs():
    inputs = {
        "a": keras.Input((2,), name="a"),
        "b": keras.Input((3,), name="b"),
    }
    a = keras.layers.Dropout(0.5)(inputs["a"])
    b = kreg.layers.ScheduledGaussianNoise(1.0)(inputs["b"])
    model = keras.Model(inputs, {"sum": a, "all": b})
    x = {"a": np.ones((5, 2), "float32"), "b": np.ones((5, 3), "float32")}
    mean, stddev = kreg.mc_predict(model, x, samples=3)
    assert mean["sum"].shape == stddev["sum"].shape == (5, 2)
    assert mean["all"].shape == stddev["all"].shape == (5, 3)
    assert stddev["all"].min() > 0


def test_mixed_precision_accumulates_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    mean, stddev = kreg.mc_predict(noisy_model(), x_of(5), samples=50)
    assert mean.dtype == stddev.dtype == np.float32
    assert np.isfinite(stddev).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`samples`. Expected an integer >= 2"):
        kreg.mc_predict(noisy_model(), x_of(2), samples=1)
    with pytest.raises(TypeError, match="Expected a Keras 3 layer or model"):
        kreg.mc_predict("model", x_of(2))
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="Expected a model that is built"):
        kreg.mc_predict(unbuilt, x_of(2))

"""DropConnect and WeightNoise: the weight of one call, never the variable."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from kreg.layers import DropConnect, WeightNoise
from tests.backends import gradient

LAYERS = {
    "dense": (lambda: keras.layers.Dense(4), (6,)),
    "conv": (lambda: keras.layers.Conv1D(4, 3), (7, 5)),
    "separable": (lambda: keras.layers.SeparableConv1D(4, 3), (7, 5)),
    "gru": (lambda: keras.layers.GRU(4), (5, 3)),
    "bidirectional": (
        lambda: keras.layers.Bidirectional(keras.layers.SimpleRNN(4)),
        (5, 3),
    ),
}
wrapped = pytest.mark.parametrize("name", LAYERS)


def inputs_of(name, samples=8):
    shape = (samples, *LAYERS[name][1])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


@wrapped
def test_fit_learns_and_the_noise_stays_out_of_the_variables(name):
    fits(name)


@pytest.mark.backends("tensorflow")  # on JAX all that `fit` runs is jitted
@pytest.mark.parametrize("name", ["conv", "gru"])
def test_fit_learns_under_xla(name):
    fits(name, jit_compile=True)


def fits(name, **compile_arguments):
    make, shape = LAYERS[name]
    layer = DropConnect(make(), 0.5, seed=1)
    model = keras.Sequential([keras.Input(shape), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse", **compile_arguments)
    before = [array(v) for v in model.trainable_variables]
    x = inputs_of(name)
    y = array(model(x)) + 1.0
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    for a, v in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, array(v))
    assert layer.step == 4
    first = model.evaluate(x, y, verbose=0)
    model.optimizer.learning_rate = 0.05
    model.fit(x, y, batch_size=4, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first


@wrapped
def test_without_noise_it_is_the_layer_itself(name):
    make, shape = LAYERS[name]
    layer = make()
    x = inputs_of(name)
    expected = array(layer(x))
    for wrapper in (DropConnect(layer, 0.0), WeightNoise(layer, 0.0)):
        np.testing.assert_allclose(
            array(wrapper(x, training=True)), expected, atol=1e-6
        )
        np.testing.assert_array_equal(array(wrapper(x)), expected)
    noisy = DropConnect(layer, 0.5)
    np.testing.assert_array_equal(array(noisy(x)), expected)
    assert np.abs(array(noisy(x, training=True)) - expected).max() > 1e-3


def test_dropped_weights_are_zero_and_kept_ones_scaled():
    layer = DropConnect(
        keras.layers.Dense(300, kernel_initializer="ones", use_bias=False), 0.25
    )
    weights = array(layer(np.eye(400, dtype="float32"), training=True))
    np.testing.assert_allclose(np.unique(weights), [0.0, 4 / 3], rtol=1e-6)
    share = (weights == 0).mean()
    # 5 standard errors of 120,000 draws: one failure in 1.7 million
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / weights.size)


def test_weight_noise_has_its_deviation_and_spares_other_weights():
    dense = keras.layers.Dense(
        300, kernel_initializer="ones", bias_initializer="ones"
    )
    layer = WeightNoise(dense, 0.2)
    zeros = np.zeros((1, 400), "float32")
    np.testing.assert_array_equal(array(layer(zeros, training=True)), 1.0)
    noise = array(layer(np.eye(400, dtype="float32"), training=True)) - 2.0
    n = noise.size
    assert abs(noise.mean()) < 5 * 0.2 / np.sqrt(n)
    assert abs(noise.std() - 0.2) < 5 * 0.2 / np.sqrt(2 * n)


def test_gradient_is_that_of_the_kept_weights():
    layer = DropConnect(keras.layers.Dense(3, use_bias=False), 0.5, seed=4)
    x = np.ones((1, 5), "float32")
    layer.build(x.shape)
    kernel = layer.layer.kernel

    def output(value):
        state = [
            ops.convert_to_tensor(v) for v in layer.non_trainable_variables
        ]
        out, _ = layer.stateless_call([value], state, x, training=True)
        return ops.sum(out)

    grads = gradient(output, array(kernel))
    assert set(np.unique(grads)) == {0.0, 2.0}
    # Nothing above changed the state, so this draws the same mask.
    outputs = array(layer(x, training=True))
    np.testing.assert_allclose(
        outputs[0], (grads * array(kernel)).sum(axis=0), rtol=1e-5
    )


def test_regularizer_sees_the_variable_and_each_loss_counts_once():
    x = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
    y = np.zeros((8, 3), "float32")
    dense = keras.layers.Dense(
        3,
        use_bias=False,
        kernel_regularizer=kreg.regularizers.L2(0.1),
        activity_regularizer=keras.regularizers.L1(0.01),
    )
    layer = DropConnect(dense, 0.5, seed=3)
    model = keras.Sequential([keras.Input((5,)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    loss = model.fit(x, y, batch_size=8, verbose=0).history["loss"][0]
    twin = DropConnect(dense, 0.5, seed=3)
    outputs = array(twin(x, training=True))
    expected = (
        np.mean(outputs**2)
        + 0.1 * np.sum(array(dense.kernel) ** 2)
        + 0.01 * np.sum(np.abs(outputs)) / 8
    )
    assert loss == pytest.approx(expected, rel=1e-5)


def test_state_of_the_wrapped_layer_moves_on():
    inner = keras.Sequential(
        [
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dropout(0.5, seed=1),
        ]
    )
    layer = DropConnect(inner, 0.3)
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile("sgd", "mse")
    x = inputs_of("dense") + 3.0
    model.fit(x, np.zeros((8, 4)), batch_size=4, epochs=2, verbose=0)
    normalization, dropout = inner.layers[1], inner.layers[2]
    assert np.abs(array(normalization.moving_mean)).max() > 0.01
    assert array(dropout.seed_generator.state)[1] == 4


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_masks_reach_a_recurrent_layer(policy):
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    x = DropConnect(keras.layers.LSTM(3), 0.0)(x)
    model = keras.Model(inputs, x)
    short = np.array([[3, 4, 0, 0, 0, 0]], "int32")
    for training in (False, True):
        np.testing.assert_allclose(
            array(model(short, training=training)),
            array(model(short[:, :2], training=training)),
            atol=1e-3,
        )


def test_one_draw_serves_all_time_steps():
    cell = keras.layers.SimpleRNN(
        1,
        activation="linear",
        kernel_initializer="ones",
        recurrent_initializer="zeros",
        return_sequences=True,
    )
    layer = WeightNoise(cell, 1.0, weights="kernel")
    outputs = array(layer(np.ones((2, 9, 1), "float32"), training=True))
    np.testing.assert_allclose(outputs, outputs[0, 0, 0], rtol=1e-6)
    assert abs(outputs[0, 0, 0] - 1.0) > 1e-4


def test_layers_without_such_weights_are_refused():
    with pytest.raises(ValueError, match="Expected a layer with weights"):
        DropConnect(keras.layers.ReLU(), 0.5).build((None, 3))
    with pytest.raises(ValueError, match="names of weights .* 'kernel'"):
        DropConnect(keras.layers.Dense(2), 0.5, weights="w").build((None, 3))
    both = DropConnect(keras.layers.Dense(2), 0.5, weights=["kernel", "w"])
    with pytest.raises(ValueError, match="names of weights .* 'kernel'"):
        both.build((None, 3))
    for wrong in (3, ["kernel", 3]):
        with pytest.raises(ValueError, match="a string, a sequence of strings"):
            WeightNoise(keras.layers.Dense(2), 0.5, weights=wrong)
    with pytest.raises(TypeError, match="Expected a Keras 3 layer"):
        DropConnect("dense", 0.5)

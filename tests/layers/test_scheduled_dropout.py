"""ScheduledDropout: distribution, edges, and who counts the steps."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests.backends import gradient

Dropout = kreg.layers.ScheduledDropout
BACKEND = keras.backend.backend()


def dropped(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_each_entry_is_zero_or_scaled_and_the_share_is_the_rate(rate):
    x = np.random.default_rng(0).normal(size=(200, 500)).astype("float32")
    y = dropped(Dropout(rate, seed=1), x)
    zero = y == 0
    sigma = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(zero.mean() - rate) <= 4 * sigma  # 1 in 16,000 by chance
    if rate < 1:
        # The scale is that of the rate as it is: a multiple of 2^-16, but on
        # Torch.
        exact = BACKEND == "torch" or (rate * 2) % 1 == 0
        realised = rate if exact else round(rate * 2**16) / 2**16
        np.testing.assert_allclose(
            y[~zero], x[~zero] / (1 - realised), rtol=3e-7
        )


def test_same_mean_variance_and_independence_as_keras():
    x = np.ones((400, 500), "float32")
    ours = dropped(Dropout(0.3, seed=1), x)
    theirs = ops.convert_to_numpy(
        keras.layers.Dropout(0.3, seed=2)(x, training=True)
    )
    error = 4 * theirs.std() / np.sqrt(x.size)
    assert abs(ours.mean() - theirs.mean()) < 2 * error
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    np.testing.assert_allclose(np.unique(ours), np.unique(theirs), rtol=2e-5)
    for axis in (0, 1):  # neighbours are uncorrelated
        a = np.delete(ours, -1, axis).ravel()
        b = np.delete(ours, 0, axis).ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


def test_rate_zero_is_the_identity_bit_for_bit():
    x = np.array([[np.inf, -0.0, 1e-37, 3e38, np.pi]], "float32")
    np.testing.assert_array_equal(dropped(Dropout(0.0), x), x)


def test_rate_one_gives_zeros_in_value_and_gradient():
    x = np.array([[np.inf, 0.0, 1e38, -1.0]], "float32")
    layer = Dropout(1.0)
    np.testing.assert_array_equal(dropped(layer, x), np.zeros_like(x))
    finite = np.ones((3, 4), "float32")
    grads = gradient(lambda x: ops.sum(layer(x, training=True)), finite)
    np.testing.assert_array_equal(grads, np.zeros_like(finite))


def test_inference_is_the_identity_and_moves_nothing():
    layer = Dropout(0.5, kreg.schedules.Constant())
    state = ops.convert_to_numpy(layer.seed_generator.state).copy()
    x = np.ones((4, 3), "float32")
    for training in (False, None):
        y = layer(x, training=training)
        np.testing.assert_array_equal(ops.convert_to_numpy(y), x)
    assert layer.step == 0
    np.testing.assert_array_equal(
        ops.convert_to_numpy(layer.seed_generator.state), state
    )


@pytest.mark.parametrize(
    ("noise_shape", "axis"), [((None, 1, None), 1), ((None, None, 1), 2)]
)
def test_noise_shape_shares_the_mask_along_an_axis(noise_shape, axis):
    y = dropped(
        Dropout(0.5, noise_shape=noise_shape), np.ones((20, 6, 7), "float32")
    )
    np.testing.assert_array_equal(y, y.take([0], axis) + np.zeros_like(y))
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize("shape", [(None, 1), (None, 1, 1, 1), (None, 4, 7)])
def test_a_noise_shape_that_does_not_fit_the_inputs_is_refused(shape):
    sentence = r"a shape that broadcasts to that of the inputs, \({}, 6, 7\)"
    with pytest.raises(ValueError, match=sentence.format(2)):
        Dropout(0.5, noise_shape=shape)(np.ones((2, 6, 7), "float32"))
    with pytest.raises(ValueError, match=sentence.format("None")):
        Dropout(0.5, noise_shape=shape)(keras.Input((6, 7)))


def test_a_noise_shape_with_the_size_of_a_batch_infers_on_any():
    layer = Dropout(0.5, noise_shape=(4, 1))
    mask = dropped(layer, np.ones((4, 30), "float32"))
    np.testing.assert_array_equal(mask, mask[:, :1] + np.zeros_like(mask))
    assert layer(np.ones((3, 30), "float32")).shape == (3, 30)


@pytest.mark.parametrize(
    "wrong", [3, (None, 0), (None, "a"), "ab", (None, True)]
)
def test_a_wrong_noise_shape_is_refused(wrong):
    with pytest.raises(ValueError, match="Invalid value for argument `noise_"):
        Dropout(0.5, noise_shape=wrong)


def test_the_positional_noise_shape_of_keras_is_refused_as_a_schedule():
    with pytest.raises(ValueError, match="argument `schedule`"):
        Dropout(0.5, (None, 1))


def test_masks_are_passed_on():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = Dropout(0.5)(x)
    x = keras.layers.LSTM(3)(x)
    model = keras.Model(inputs, x)
    padded = model(np.array([[1, 2, 0, 0, 0]]))
    short = model(np.array([[1, 2]]))
    np.testing.assert_allclose(
        ops.convert_to_numpy(padded), ops.convert_to_numpy(short), atol=1e-6
    )


class Follow(keras.callbacks.Callback):
    """Records the step at the end of each batch."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.model.get_layer("drop").step)


def fit(layer, optimizer="sgd", epochs=2, validation=True, **arguments):
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **arguments)
    x = np.ones((24, 4), "float32")
    follow = Follow()
    model.fit(
        x, x[:, :1], batch_size=4, epochs=epochs, verbose=0,
        validation_data=(x, x[:, :1]) if validation else None,
        callbacks=[follow],
    )  # fmt: skip
    model.predict(x, verbose=0)
    model.evaluate(x, x[:, :1], verbose=0)
    return model, follow.steps


def ramp():
    return Dropout(0.5, kreg.schedules.Ramp(20), name="drop")


def test_a_step_is_a_training_batch():
    model, steps = fit(ramp())
    assert steps == list(range(1, 13))
    rate = kreg.strengths(model)["drop/rate"]
    assert float(rate.effective) == pytest.approx(0.5 * 12 / 20)


@pytest.mark.backends("tensorflow", "jax")
def test_steps_per_execution_and_xla_count_alike():
    model, _ = fit(ramp(), steps_per_execution=3)
    assert model.get_layer("drop").step == 12
    model, _ = fit(ramp(), jit_compile=True)
    assert model.get_layer("drop").step == 12


def test_gradient_accumulation_counts_batches():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)
    model, steps = fit(ramp(), optimizer)
    assert steps[-1] == 12
    assert int(model.optimizer.iterations) == 4


def test_mixed_precision_counts_and_keeps_the_rate():
    keras.config.set_dtype_policy("mixed_float16")
    layer = ramp()
    layer.rate = 0.1
    model, steps = fit(layer)
    assert steps[-1] == 12
    assert model.get_layer("drop").rate.value == 0.1


def test_a_shared_layer_counts_calls_and_calls_per_step_divides():
    for calls_per_step, expected in ((1, 24), (2, 12)):
        shared = Dropout(0.5, calls_per_step=calls_per_step)
        inputs = keras.Input((4,))
        x = keras.layers.Dense(1)(shared(keras.layers.Dense(4)(shared(inputs))))
        model = keras.Model(inputs, x)
        model.compile("sgd", "mse")
        x = np.ones((24, 4), "float32")
        model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
        assert shared.step == expected


def test_the_step_goes_on_after_loading(tmp_path):
    model, _ = fit(ramp())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.ones((8, 4), "float32")
    loaded.fit(x, x[:, :1], batch_size=4, verbose=0)
    assert loaded.get_layer("drop").step == 14


def test_weight_files_interchange_with_keras_dropout(tmp_path):
    def model(layer):
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(2), layer]
        )

    plain, ours = model(keras.layers.Dropout(0.5)), model(Dropout(0.2))
    plain.save_weights(tmp_path / "plain.weights.h5")
    ours.load_weights(tmp_path / "plain.weights.h5")
    assert ours.layers[1].rate.value == 0.2  # as it was
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(
        plain.predict(x, verbose=0), ours.predict(x, verbose=0)
    )
    other = model(keras.layers.Dropout(0.5))
    ours.save_weights(tmp_path / "ours.weights.h5")
    other.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), ours.predict(x, verbose=0)
    )
    with pytest.raises(ValueError, match="weights"):  # more of them
        ours.set_weights(plain.get_weights())


def test_a_seed_makes_a_run_repeatable():
    x = np.ones((10, 10), "float32")
    same = [dropped(Dropout(0.5, seed=4), x) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert (dropped(Dropout(0.5, seed=5), x) != same[0]).any()
    layer = Dropout(0.5, seed=keras.random.SeedGenerator(4))
    np.testing.assert_array_equal(dropped(layer, x), same[0])
    config = layer.get_config()
    again = Dropout.from_config(config)
    np.testing.assert_array_equal(dropped(again, x), same[0])


def test_dynamic_shapes():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, Dropout(0.5)(inputs))
    for size in (2, 5):
        y = model(np.ones((size, size + 1, 3), "float32"), training=True)
        assert y.shape == (size, size + 1, 3)

"""What all noise layers promise: where they act, what they refuse, seeds."""

import contextlib
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from kreg.layers import _masks
from tests.backends import BACKEND, jitted, operations
from tests.contracts import LAYERS
from tests.layers.all_noise import (
    MIXERS,
    NOISE,
    WRAPPERS,
    data_of_all,
    losses_of_all,
    model_of_all,
)

NOT_RANDOM = (
    kreg.layers.ScheduledPenalty,
    kreg.layers.ScheduledLabelSmoothing,
)
noise = pytest.mark.parametrize("row", NOISE, ids=str)
activations = pytest.mark.parametrize(
    "row", [row for row in NOISE if row.cls not in WRAPPERS], ids=str
)


def data_for(row, samples=8):
    shape = (samples, *row.input_shape)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def array(x):
    return np.array(ops.convert_to_numpy(x))


def at_full_strength(row):
    """The layer of the row past the end of its ramp."""
    layer = row.make()
    layer.build((None, *row.input_shape))
    layer.counter.calls.assign(100)
    return layer


@noise
def test_inference_is_the_identity_and_draws_nothing(row):
    layer = at_full_strength(row)
    x = data_for(row)
    before = [array(v) for v in layer.variables]
    expected = array(layer.layer(x)) if row.cls in WRAPPERS else x
    x = ops.convert_to_tensor(x)
    for training in (False, None):
        np.testing.assert_array_equal(
            array(row.call(layer, x, training=training)), expected
        )
    for a, b in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(a, array(b))
    noisy = array(row.call(layer, x, training=True))
    assert np.abs(noisy - expected).max() > 1e-3


def random_ones(names):
    kinds = ("random", "rand.", "normal", "bernoulli", "gamma", "shuffle")
    return [n for n in names if any(kind in n.lower() for kind in kinds)]


@pytest.mark.parametrize(
    "row", [row for row in LAYERS if row.cls not in NOT_RANDOM], ids=str
)
def test_inference_has_no_random_operation(row):
    layer = at_full_strength(row)
    state = [ops.convert_to_tensor(v) for v in layer.variables]

    def call(training):
        def run(x, *state):
            mapping = list(zip(layer.variables, state, strict=True))
            with keras.StatelessScope(mapping):
                return row.call(layer, x, training=training)

        return run

    x = ops.convert_to_tensor(data_for(row))
    assert not random_ones(operations(call(False), x, *state))
    assert random_ones(operations(call(True), x, *state))


@pytest.mark.backends("tensorflow", "jax")  # Torch shuffles no batches, either
def test_predict_has_no_random_operation():
    model, noise = model_of_all()
    for layer in noise.values():
        layer.counter.calls.assign(100)
    inputs = data_of_all()
    state = [ops.convert_to_tensor(v) for v in model.non_trainable_variables]
    weights = [ops.convert_to_tensor(v) for v in model.trainable_variables]

    def predict(training):
        def run(*state):
            return model.stateless_call(
                weights, list(state), inputs, training=training
            )[0]

        return run

    assert not random_ones(operations(predict(False), *state))
    assert random_ones(operations(predict(True), *state))


TAKES_FLOATS = [
    row
    for row in LAYERS
    if row.cls
    not in (
        *WRAPPERS,
        *MIXERS,
        kreg.layers.ScheduledPenalty,
        kreg.layers.ScheduledLabelSmoothing,
    )
]
takes_floats = pytest.mark.parametrize("row", TAKES_FLOATS, ids=str)


@takes_floats
def test_inputs_that_are_not_floats_are_refused(row):
    x = np.ones((2, *row.input_shape), "int32")
    sentence = "`inputs`. Expected a dense tensor of floats. Received: inputs "
    layer = row.make()
    layer.build(x.shape)
    for training in (False, True):
        with pytest.raises(ValueError, match=sentence + "of dtype int32"):
            layer(ops.convert_to_tensor(x), training=training)
    with pytest.raises(ValueError, match=sentence + "of dtype int32"):
        row.make()(keras.Input(row.input_shape, dtype="int32"))


@activations
def test_build_of_a_subclass_is_called(row):
    cls = type(row.make())
    shapes = []

    def build(self, input_shape):
        shapes.append(input_shape)
        cls.build(self, input_shape)

    layer = type("Sub", (cls,), {"build": build}).from_config(
        row.make().get_config()
    )
    row.call(layer, keras.Input(row.input_shape))
    assert len(shapes) == 1
    assert layer.built


def test_lists_and_dicts_of_tensors_are_refused():
    x = ops.ones((2, 3))
    for inputs, kind in (([x, x], "list"), ({"a": x}, "dict"), (None, "None")):
        with pytest.raises(
            ValueError, match=f"Received: inputs of type {kind}"
        ):
            kreg.layers.ScheduledDropout(0.5)(inputs, training=True)


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("kind", ["ragged", "sparse"])
@takes_floats
def test_ragged_and_sparse_inputs_are_refused(row, kind):
    import tensorflow as tf

    x = tf.constant(data_for(row, 2))
    given = (
        tf.RaggedTensor.from_tensor(x)
        if kind == "ragged"
        else tf.sparse.from_dense(x)
    )
    layer = row.make()
    layer.build(x.shape)
    for training in (False, True):
        with pytest.raises(ValueError, match="Expected a dense tensor"):
            layer(given, training=training)
    with pytest.raises(ValueError, match="Expected a dense tensor"):
        row.make()(keras.Input(row.input_shape, **{kind: True}))


@takes_floats
def test_products_are_dense_whatever_keras_says(row):
    x = 2.0 * keras.Input(row.input_shape)
    assert row.make()(x).shape == (None, *row.input_shape)


@pytest.mark.backends("jax")
def test_sparse_arrays_of_jax_are_refused():
    from jax.experimental import sparse

    x = sparse.BCOO.fromdense(np.eye(3, dtype="float32"))
    with pytest.raises(ValueError, match="Expected a dense tensor"):
        kreg.layers.ScheduledDropout(0.5)(x, training=True)


@pytest.mark.parametrize(
    "row",
    [
        row
        for row in NOISE
        # Layers of Keras for images need to know the sides of an image.
        if row.cls
        not in (*WRAPPERS, *MIXERS, kreg.layers.ScheduledAugmentation)
    ],
    ids=str,
)
def test_dynamic_shapes(row):
    """Batch and all other axes unknown while the graph is made."""
    layer = at_full_strength(row)
    rank = len(row.input_shape)
    # A feature axis of unknown size has odd and even sizes alike.
    inputs = keras.Input((None,) * rank)
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    for extra in (0, 1):
        shape = (4, *(side + extra for side in row.input_shape))
        x = np.ones(shape, "float32")
        assert model.predict(x, verbose=0).shape == shape
        if BACKEND == "tensorflow":
            import tensorflow as tf

            dynamic = tf.function(
                lambda x: layer(x, training=True),
                input_signature=[tf.TensorSpec((None,) * (rank + 1))],
            )
            assert dynamic(x).shape == shape


@activations
def test_masks_are_kept(row):
    layer = row.make()
    x = ops.convert_to_tensor(data_for(row))
    mask = ops.ones((8, *row.input_shape[:1]), "bool")
    assert layer.supports_masking
    assert layer.compute_mask(x, mask) is mask


def test_masks_reach_what_comes_after():
    inputs = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(5, 6, mask_zero=True)(inputs)
    x = kreg.layers.ScheduledSpatialDropout1D(0.5)(x)
    x = kreg.layers.ScheduledGaussianNoise(0.5)(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    np.testing.assert_allclose(
        array(model(np.array([[1, 2, 0, 0]]))),
        array(
            model(np.array([[1, 2, 2, 0]])) * 3 - model.layers[1].embeddings[2]
        )
        / 2,
        atol=1e-5,
    )


@noise
def test_same_seed_same_noise(row):
    x = ops.convert_to_tensor(data_for(row))
    first, second = at_full_strength(row), at_full_strength(row)
    if row.cls in WRAPPERS:
        second.layer.set_weights(first.layer.get_weights())
    runs = [
        [array(row.call(layer, x, training=True)) for _ in range(3)]
        for layer in (first, second)
    ]
    np.testing.assert_array_equal(*runs)
    assert np.abs(np.diff(runs[0], axis=0)).max() > 0


@noise
def test_seed_generators_may_be_shared_and_are_saved(row):
    generator = keras.random.SeedGenerator(5)
    config = {
        **row.make().get_config(),
        "seed": keras.saving.serialize_keras_object(generator),
    }
    layer = row.cls.from_config(config)
    assert layer.seed_generator.get_config()["seed"] == 5
    again = row.cls.from_config(layer.get_config())
    assert again.seed_generator.get_config()["seed"] == 5


def test_a_seed_generator_is_used_as_it_is():
    generator = keras.random.SeedGenerator(5)
    layer = kreg.layers.ScheduledDropout(0.5, seed=generator)
    assert layer.seed_generator is generator
    wrapper = kreg.layers.DropConnect(
        keras.layers.Dense(2), 0.5, seed=generator
    )
    x = np.ones((2, 3), "float32")
    layer(wrapper(x, training=True), training=True)
    assert array(generator.state)[1] == 2


SCRIPT = """
from tests.backends import compile_quickly, use_one_thread
from tests.layers.all_noise import losses_of_all
use_one_thread()
compile_quickly()
print(repr(losses_of_all()))
"""


def test_same_seed_same_run_in_two_processes():
    losses = losses_of_all()
    assert losses == losses_of_all()
    assert len(set(losses)) == 3
    assert np.all(np.isfinite(losses))
    elsewhere = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "random"},
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert elsewhere.stdout.splitlines()[-1] == repr(losses)


class Stop(keras.callbacks.Callback):
    """Interrupts an epoch, at its end or after its first batch."""

    def __init__(self, epoch, in_the_middle=False):
        super().__init__()
        self.epoch = epoch
        self.in_the_middle = in_the_middle

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.in_the_middle and self.now == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupted_run_ends_at_the_same_step(tmp_path):
    """Interrupted once in each epoch, and once more between two."""

    def trained(*callbacks):
        keras.utils.set_random_seed(4)
        model, noise = model_of_all()
        x, y = data_of_all(), np.ones((8, 1))
        # Interruptions leave the model behind: a resumed run has its own.
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(
                x,
                y,
                batch_size=4,
                epochs=3,
                verbose=0,
                callbacks=[*callbacks],
            )
        effective = {
            path: float(strength.effective)
            for path, strength in kreg.strengths(model).items()
        }
        return {name: layer.step for name, layer in noise.items()}, effective

    whole = trained()
    assert set(whole[0].values()) == {6}
    backup = keras.callbacks.BackupAndRestore
    for stop in (Stop(0), Stop(1, in_the_middle=True), Stop(1)):
        assert trained(backup(tmp_path), stop) != whole
    assert trained(backup(tmp_path)) == whole


def draw(mask, rate, shape=(200, 501), seed=2):
    generator = keras.random.SeedGenerator(seed)
    kept, scale = mask(shape, ops.convert_to_tensor(rate, "float32"), generator)
    assert int(array(generator.state)[1]) == 1
    return array(kept), float(scale)


masks = pytest.mark.parametrize("mask", [_masks.bit_mask, _masks.uniform_mask])


@masks
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.3, 0.5, 0.999, 1.0])
def test_masks_realise_their_rate_and_scale(mask, rate):
    kept, scale = draw(mask, rate)
    realised = 0.0 if scale == 0.0 else 1.0 - 1.0 / scale
    if rate == 1.0:
        assert scale == 0.0
        assert kept.mean() < 1e-4
        return
    assert abs(realised - rate) <= 2**-17 + 1e-7 * scale
    error = np.sqrt(max(rate * (1 - rate), 1e-9) / kept.size)
    assert abs((1 - kept.mean()) - rate) < 5 * error + 2**-17
    if rate == 0.0:
        assert kept.all()
        assert scale == 1.0


@pytest.mark.backends("tensorflow", "jax")
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.77])
def test_scale_of_bit_masks_is_that_of_the_rounded_rate(rate):
    levels = np.round(np.float32(rate) * 2**16)
    _, scale = draw(_masks.bit_mask, rate)
    assert scale == pytest.approx(2**16 / (2**16 - levels), rel=3e-7)
    assert scale != pytest.approx(1 / (1 - rate), rel=3e-7)


@pytest.mark.backends("tensorflow", "jax")
def test_masks_are_the_same_alone_and_mapped_over_rates():
    layer = kreg.layers.ScheduledDropout(0.5, seed=1)
    x = np.ones((20, 31), "float32")
    held = layer.non_trainable_variables
    state = [ops.convert_to_tensor(v) for v in held]
    index = [v is layer.rate.variable for v in held].index(True)

    def run(rate):
        mine = [*state[:index], rate, *state[index + 1 :]]
        return layer.stateless_call([], mine, x, training=True)[0]

    rates = ops.convert_to_tensor([0.2, 0.5, 0.9], "float32")
    if BACKEND == "jax":
        import jax

        together = jax.vmap(run)(rates)
    else:
        import tensorflow as tf

        together = tf.function(
            lambda rates: tf.vectorized_map(
                run, rates, fallback_to_while_loop=True
            )
        )(rates)
    for number in range(3):
        np.testing.assert_array_equal(
            array(together[number]), array(run(rates[number]))
        )


@masks
def test_masks_of_all_shapes_are_independent_and_reproducible(mask):
    for shape in ((7,), (4, 1), (3, 5), (2, 3, 4), (50, 21)):
        kept, _ = draw(mask, 0.5, shape)
        assert kept.shape == shape
        np.testing.assert_array_equal(kept, draw(mask, 0.5, shape)[0])
    kept, _ = draw(mask, 0.5, (400, 401))
    centred = kept - 0.5
    for a, b in (
        (centred[:, 1:], centred[:, :-1]),  # the halves of a 32-bit draw
        (centred[:, 2:], centred[:, :-2]),  # the words of a draw of two
        (centred[1:], centred[:-1]),
        (centred, draw(mask, 0.5, (400, 401), seed=3)[0] - 0.5),
    ):
        assert abs((a * b).mean() * 4) < 5 / np.sqrt(a.size)


@pytest.mark.backends("tensorflow", "jax")
def test_bits_are_uniform():
    if BACKEND == "tensorflow":
        from kreg.layers._random_bits_tensorflow import random_bits
    else:
        from kreg.layers._random_bits_jax import random_bits
    bits = array(random_bits((400, 512), keras.random.SeedGenerator(1)))
    assert bits.dtype == np.uint16
    counts = np.bincount(bits.ravel() >> 8, minlength=256)
    expected = bits.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 255 + 5 * np.sqrt(2 * 255)
    for bit in range(16):
        share = ((bits >> bit) & 1).mean()
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(bits.size)


@pytest.mark.backends("jax")
@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
        (
            (0x13198A2E, 0x03707344),
            (0x243F6A88, 0x85A308D3),
            (0xC4923A9C, 0x483DF7A0),
        ),
    ],
)
def test_threefry_gives_the_published_words(key, counter, expected):
    """The known answers of Random123 1.09, `threefry2x32 20`."""
    import jax.numpy as jnp

    from kreg.layers._random_bits_jax import threefry

    words = threefry(jnp.uint32(key), jnp.uint32(counter))
    assert tuple(int(word) for word in words) == expected


@pytest.mark.backends("jax")
def test_threefry_is_that_of_jax():
    import jax

    from kreg.layers._random_bits_jax import threefry

    key = np.uint32([7, 11])
    theirs = jax.random.split(jax.random.wrap_key_data(key), 50)
    mine = threefry(
        key, (np.zeros(50, "uint32"), np.arange(50, dtype="uint32"))
    )
    np.testing.assert_array_equal(
        np.stack(mine, -1), jax.random.key_data(theirs)
    )


def test_rate_is_read_in_the_graph():
    layer = kreg.layers.ScheduledDropout(0.0, seed=1)
    x = np.ones((50, 40), "float32")
    if BACKEND == "jax":
        step = jitted(lambda s: layer.stateless_call([], s, x, training=True))
        run = lambda: step([v.value for v in layer.variables])[0]  # noqa: E731
    else:
        compiled = jitted(lambda x: layer(x, training=True))
        run = lambda: compiled(ops.convert_to_tensor(x))  # noqa: E731
    assert (array(run()) == 0).mean() == 0
    layer.rate = 0.8
    assert (array(run()) == 0).mean() > 0.7


def test_augmentation_acts_on_its_share_of_the_samples():
    erase = keras.layers.RandomErasing(
        factor=(1.0, 1.0), scale=(0.2, 0.4), fill_value=0.0, value_range=(0, 1)
    )
    layer = kreg.layers.ScheduledAugmentation(erase, 0.3, seed=1)
    y = array(layer(np.ones((2000, 8, 8, 1), "float32"), training=True))
    share = (y.min((1, 2, 3)) == 0).mean()
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 2000)
    with pytest.raises(TypeError, match="Expected a Keras 3 layer"):
        kreg.layers.ScheduledAugmentation("erase", 0.3)


class Halved(keras.layers.Layer):
    """An augmentation with a weight, which is made in `build`."""

    def build(self, input_shape):
        self.half = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(0.5)
        )

    def call(self, inputs, training=None):
        return inputs * self.half


def test_augmentation_builds_its_layer_before_it_trains():
    layer = kreg.layers.ScheduledAugmentation(Halved(trainable=False), 1.0)
    dense = keras.layers.Dense(3, kernel_initializer="identity")
    model = keras.Sequential([keras.Input((3,)), layer, dense])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    assert model.fit(x, x / 2, verbose=0).history["loss"] == [0.0]


def test_augmentation_refuses_what_changes_labels_or_shapes():
    for layer, name in (
        (keras.layers.MixUp(), "ScheduledMixUp"),
        (keras.layers.CutMix(), "ScheduledCutMix"),
    ):
        with pytest.raises(ValueError, match=f"Use kreg.layers.{name} instead"):
            kreg.layers.ScheduledAugmentation(layer, 0.5)
    crop = kreg.layers.ScheduledAugmentation(keras.layers.RandomCrop(2, 2), 0.5)
    with pytest.raises(ValueError, match="Expected a layer that keeps the sha"):
        crop(np.ones((2, 4, 4, 3), "float32"), training=True)


class Forgetful(keras.layers.Layer):
    """An augmentation whose graph does not know the size of the batch."""

    def call(self, inputs, training=None):
        import tensorflow as tf

        return tf.boolean_mask(-inputs, inputs[:, 0] < np.inf)


@pytest.mark.backends("tensorflow")
def test_augmentation_may_forget_shapes():
    import tensorflow as tf

    layer = kreg.layers.ScheduledAugmentation(Forgetful(), 1.0)
    x = tf.ones((4, 3))
    run = tf.function(lambda x: layer(x, training=True))
    np.testing.assert_array_equal(array(run(x)), -x)

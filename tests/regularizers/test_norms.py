"""L1, L2 and L1L2 against Keras's own, in every place Keras takes one."""

import keras
import numpy as np
import pytest

import kreg
from tests.backends import gradient

K, R = keras.regularizers, kreg.regularizers
L = keras.layers

PAIRS = [
    (R.L1(0.013), K.L1(0.013)),
    (R.L2(0.27), K.L2(0.27)),
    (R.L1L2(0.02, 0.3), K.L1L2(0.02, 0.3)),
    (R.L1(), K.L1()),
    (R.L2(), K.L2()),
    (R.L1L2(), K.L1L2()),
    (R.L1L2(l1=None, l2=0.1), K.L1L2(l1=None, l2=0.1)),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("shape", [(), (4, 3), (3, 3, 2, 5)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_value_and_gradient_are_those_of_keras(ours, theirs, shape, scale):
    x = np.random.default_rng(0).normal(scale=scale, size=shape)
    x = np.asarray(x, "float32")
    assert float(ours(x)) == pytest.approx(float(theirs(x)), rel=3e-7)
    if any(theirs.get_config().values()):  # else Keras's is a constant
        np.testing.assert_allclose(
            gradient(ours, x), gradient(theirs, x), rtol=3e-7
        )


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_config_is_that_of_keras(ours, theirs):
    # Keras's L1 gives back 0.013 rounded to float32.
    assert ours.get_config() == pytest.approx(theirs.get_config())
    assert isinstance(ours, K.Regularizer)


def shapes():
    """(layer made with `(**{place: penalty})`, place, input shape)."""
    return [
        (lambda **k: L.Dense(3, **k), "kernel_regularizer", (4,)),
        (
            lambda **k: L.Dense(3, bias_initializer="ones", **k),
            "bias_regularizer",
            (4,),
        ),
        (lambda **k: L.Dense(3, **k), "activity_regularizer", (4,)),
        (lambda **k: L.LSTM(3, **k), "recurrent_regularizer", (5, 4)),
        (lambda **k: L.GRU(3, **k), "kernel_regularizer", (5, 4)),
        (lambda **k: L.Conv2D(3, 2, **k), "kernel_regularizer", (6, 6, 2)),
        (
            lambda **k: L.DepthwiseConv2D(2, **k),
            "depthwise_regularizer",
            (6, 6, 2),
        ),
        (
            lambda **k: L.Embedding(9, 3, **k),
            "embeddings_regularizer",
            (5,),
        ),
        (
            lambda **k: L.BatchNormalization(**k),
            "gamma_regularizer",
            (4,),
        ),
        (
            lambda **k: L.TimeDistributed(L.Dense(3, **k)),
            "kernel_regularizer",
            (5, 4),
        ),
    ]


def fit(make, place, shape, penalty):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(shape),
            make(**{place: penalty}),
            L.Flatten(),
            L.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    random = np.random.default_rng(0)
    x = random.integers(0, 9, size=(12, *shape)).astype("float32")
    fitted = model.fit(
        x, x.reshape(12, -1)[:, :1], batch_size=4, epochs=3, verbose=0,
        validation_data=(x, x.reshape(12, -1)[:, :1]),
    )  # fmt: skip
    model(x)  # for the penalties of activities
    return fitted.history, float(sum(model.losses))


@pytest.mark.parametrize(("make", "place", "shape"), shapes())
def test_training_is_that_of_keras_in_every_place(make, place, shape):
    ours, penalty = fit(make, place, shape, R.L1L2(0.01, 0.02))
    theirs, expected = fit(make, place, shape, K.L1L2(0.01, 0.02))
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=2e-5)
    assert penalty == pytest.approx(expected, rel=2e-5)
    assert penalty > 1e-4 * ours["loss"][-1]  # it has a part in the loss


def test_a_frozen_layer_pays_no_penalty():
    layer = L.Dense(3, kernel_regularizer=R.L2(0.1))
    layer.build((None, 4))
    assert float(sum(layer.losses)) > 0
    layer.trainable = False
    assert layer.losses == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_activity_penalty_under_mixed_precision_does_not_overflow(dtype):
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    layer = L.Dense(
        512, kernel_initializer="ones", activity_regularizer=R.L2(1.0)
    )
    layer(np.full((2, 4), 8.0, "float32"))  # 512 * 32 ** 2 a sample > 65,504
    assert float(layer.losses[0]) == pytest.approx(512 * 32**2)


def test_a_dict_and_an_instance_are_accepted_as_keras_accepts_them():
    config = {"class_name": "kreg>L2", "config": {"l2": 0.3}}
    layer = L.Dense(3, kernel_regularizer=config)
    assert layer.kernel_regularizer.l2.value == 0.3


def test_a_penalty_without_its_methods_says_so():
    with pytest.raises(NotImplementedError, match="must override `penalty"):
        R.Penalty()(np.ones(3, "float32"))
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        R.Penalty().get_config()

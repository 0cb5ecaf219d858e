"""On a GPU: the same training as on the CPU, and nothing leaves the device."""

import keras
import numpy as np
import pytest

import kreg
from tests.backends import BACKEND

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True, scope="module")
def _memory_growth():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)


def model_of(rate=0.0, jit_compile="auto"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            kreg.layers.ScheduledPenalty(
                keras.layers.Dense(64, "relu"),
                kreg.regularizers.L1(1e-3),
                kreg.schedules.Ramp(10),
            ),
            kreg.layers.ScheduledDropout(rate, kreg.schedules.Ramp(10)),
            keras.layers.Dense(
                1, kernel_regularizer=kreg.regularizers.L2(1e-2)
            ),
        ]
    )
    model.compile("adam", "mse", jit_compile=jit_compile)
    return model


def data():
    x = np.random.default_rng(0).normal(size=(256, 20)).astype("float32")
    return x, x[:, :1]


def losses(device, **arguments):
    with keras.device(device):
        model = model_of(**arguments)
        return model.fit(
            *data(), batch_size=32, epochs=3, shuffle=False, verbose=0
        ).history["loss"]


def test_losses_are_those_of_the_cpu():
    jit_compile = False if BACKEND == "tensorflow" else "auto"
    expected = losses("cpu:0", jit_compile=jit_compile)
    np.testing.assert_allclose(losses("gpu:0"), expected, rtol=1e-3)


def test_strengths_are_obeyed_and_counted_on_the_gpu():
    with keras.device("gpu:0"):
        model = model_of(rate=0.5)
        monitor = kreg.callbacks.OverfitMonitor(train_data=data())
        model.fit(
            *data(),
            batch_size=32,
            epochs=3,
            verbose=0,
            validation_data=data(),
            callbacks=[
                kreg.callbacks.StrengthScheduler("*/l2", lambda e, v: float(e)),
                monitor,
            ],
        )
    assert model.layers[1].step == 24
    assert kreg.strengths(model)["dense_1/kernel_regularizer/l2"].value == 2.0
    assert all(np.isfinite(monitor.history["generalization_gap"]))


@pytest.mark.backends("jax")
def test_a_step_copies_nothing_to_the_host():
    import jax

    model = model_of(rate=0.5)
    x, y = (jax.device_put(a) for a in data())
    state = [
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
    ]

    @jax.jit
    def step(trainable, others, x):
        return model.stateless_call(
            trainable, others, x, training=True, return_losses=True
        )

    step(*state, x)
    with jax.transfer_guard("disallow"):
        step(*state, x)

"""Two devices: one count a global step, a different mask on each."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

CHECK = """
import contextlib
import keras, kreg, numpy as np
from tests.backends import compile_quickly
from tests.layers.all_noise import (
    BRANCHES, MIXERS, WRAPPERS, data_of_all, model_of_all
)

compile_quickly()

class Always(keras.Model):  # noisy in predict, too
    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def call(self, inputs):
        return {
            name: BRANCHES[name][-1](layer, inputs[name], training=True)
            for name, layer in self.noise.items()
        }

def check(strategy=None):
    scope = strategy.scope if strategy else contextlib.nullcontext
    x = data_of_all()
    with scope():
        model, noise = model_of_all(0.0)
    model.fit(x, np.zeros((8, 1)), batch_size=4, epochs=3, verbose=0)
    for name, layer in noise.items():
        assert layer.step == 6, (name, layer.step)
        for strength in kreg.strengths(layer).values():
            assert float(strength.effective) > 0
    with scope():
        always = Always(noise)
        always.compile()
    # The same samples on each device.
    twice = {n: np.concatenate([v, v]) for n, v in x.items()}
    y = always.predict(twice, batch_size=16, verbose=0)
    for name, layer in noise.items():
        # On JAX a step makes one noisy copy of a weight, for all devices.
        if strategy or not isinstance(layer, WRAPPERS):
            assert np.abs(y[name][:8] - y[name][8:]).max() > 0.1, name
        for variable in layer.variables:  # the copies stay alike
            held = getattr(variable.value, "values", [variable.value])
            first, *others = [np.array(v) for v in held]
            assert all(np.array_equal(first, v) for v in others), name
    check_mixed(scope)
    kernels = trained_with_losses(scope)
    keras.distribution.set_distribution(None)
    np.testing.assert_allclose(
        kernels, trained_with_losses(contextlib.nullcontext), rtol=1e-5
    )
    print("good")

def trained_with_losses(scope):
    # Losses that layers add must reach the gradient of each device.
    def ones(**arguments):
        return keras.layers.Dense(6, kernel_initializer="ones", **arguments)

    with scope():
        layers = [
            kreg.layers.DropConnect(
                ones(activity_regularizer=keras.regularizers.L1(0.1)), 0.0
            ),
            kreg.layers.ScheduledPenalty(
                ones(), kreg.regularizers.L2(0.1), kreg.schedules.Ramp(4)
            ),
        ]
        model = keras.Sequential([keras.Input((6,)), *layers])
        model.compile(keras.optimizers.SGD(0.001), "mse")
    x = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    model.fit(x, x, batch_size=8, epochs=2, verbose=0, shuffle=False)
    return [keras.ops.convert_to_numpy(l.layer.kernel) for l in layers]

def check_mixed(scope):
    y = np.eye(3)[np.arange(8) % 3]
    x = np.tile(y[:, None, None], (1, 4, 4, 1))  # what its label says
    for cls in MIXERS:
        with scope():
            mixing = cls(1.0, seed=1)
            inner = keras.layers.GlobalAveragePooling2D()
            model = kreg.models.Mixed(inner, mixing)
            model.compile("sgd", "mse")
        loss = model.fit(x, y, batch_size=4, verbose=0).history["loss"][0]
        assert mixing.step == 2, (cls, mixing.step)
        assert loss < 0.05, (cls, loss)  # unmixed labels: 0.1 and more
"""

TENSORFLOW = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
check(strategy)
"""

JAX = """
devices = keras.distribution.list_devices()
assert len(devices) == 2, devices
keras.distribution.set_distribution(
    keras.distribution.DataParallel(devices=devices)
)
check()
"""


def run(code):
    environment = dict(os.environ)
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("good")


@pytest.mark.backends("tensorflow")
def test_mirrored_strategy():
    run(CHECK + TENSORFLOW)


@pytest.mark.backends("jax")
def test_data_parallel():
    run(CHECK + JAX)

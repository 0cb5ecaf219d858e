"""Two devices: one count a global step, a different mask on each."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

CHECK = """
import contextlib, warnings
import keras, kreg, numpy as np
from tests.backends import compile_quickly
from tests.layers.test_noise import MIXERS, NOISE, WRAPPERS

compile_quickly()
NOISY = {row.cls.__name__: (row.make, row.input_shape, row.call)
         for row in NOISE}
call = NOISY["ScheduledDropout"][-1]
NOISY["FeatureGate"] = (
    lambda: kreg.layers.FeatureGate(open_probability=0.5, seed=1), (6,), call
)
NOISY["ScheduledAugmentation"] = (  # at rate 1 the layer of Keras draws alone
    lambda: kreg.layers.ScheduledAugmentation(
        keras.layers.RandomErasing((1.0, 1.0), value_range=(0, 1)), 1.0
    ),
    (8, 8, 3),
    call,
)

class Always(keras.Model):  # noisy in predict, too
    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def call(self, inputs):
        return {
            name: NOISY[name][-1](layer, inputs[name], training=True)
            for name, layer in self.noise.items()
        }

def check(strategy=None):
    scope = strategy.scope if strategy else contextlib.nullcontext
    random = np.random.default_rng(0)
    x = {
        name: random.normal(size=(8, *shape)).astype("float32")
        for name, (_, shape, _) in NOISY.items()
    }
    with scope():
        noise = {name: make() for name, (make, _, _) in NOISY.items()}
        for layer in noise.values():
            layer.name = "noise_of_" + type(layer).__name__
        inputs = {n: keras.Input(s, name=n) for n, (_, s, _) in NOISY.items()}
        outputs = [
            keras.layers.Flatten()(NOISY[n][-1](noise[n], inputs[n]))
            for n in NOISY
        ]
        outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(outputs))
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.0), "mse")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*jit_compile=False")  # mixers
        model.fit(x, np.zeros((8, 1)), batch_size=4, epochs=3, verbose=0)
    for name, layer in noise.items():
        assert layer.step == 6, (name, layer.step)
    with scope():
        always = Always(noise)
        always.compile()
    # The same samples on each device.
    twice = {n: np.concatenate([v, v]) for n, v in x.items()}
    y = always.predict(twice, batch_size=16, verbose=0)
    for name in NOISY:
        # On JAX a step makes one noisy copy of a weight, for all devices.
        if strategy or not isinstance(noise[name], WRAPPERS):
            assert np.abs(y[name][:8] - y[name][8:]).max() > 0.1, name
    check_mixed(scope)
    print("good")

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

"""Two devices: one count a global step, a different mask on each."""

import os
import subprocess
import sys

import pytest

MODEL = """
import keras, kreg, numpy as np

class Always(keras.Model):  # noisy in predict, too
    def __init__(self, noise):
        super().__init__()
        self.noise = noise
        self.dense = keras.layers.Dense(400, kernel_initializer="identity")

    def call(self, x):
        return self.dense(self.noise(x, training=True))

def ones():
    return keras.layers.Dense(
        400, kernel_initializer="identity", use_bias=False
    )

MAKERS = {
    "dropout": lambda: kreg.layers.ScheduledDropout(0.5, seed=1),
    "alpha": lambda: kreg.layers.ScheduledAlphaDropout(0.5, seed=1),
    "gaussian": lambda: kreg.layers.ScheduledGaussianNoise(1.0, seed=1),
    "connect": lambda: kreg.layers.WeightNoise(ones(), 1.0, seed=1),
}

def check(strategy=None):
    import contextlib
    x = np.ones((8, 400), "float32")
    for name, make in MAKERS.items():
        with strategy.scope() if strategy else contextlib.nullcontext():
            model = Always(make())
            model.compile(keras.optimizers.SGD(0.0), "mse")
        layer = model.noise
        model.fit(x, x, batch_size=4, epochs=3, verbose=0)
        assert layer.step == 6, (name, layer.step)
        y = model.predict(x[:4], batch_size=4, verbose=0)
        first, second = y[:2], y[2:]  # one half on each device
        # On JAX a step makes one noisy copy of a weight, for all devices.
        if strategy or name != "connect":
            assert np.abs(first - second).max() > 0.1, name
    print("good")
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
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("good")


@pytest.mark.backends("tensorflow")
def test_mirrored_strategy():
    run(MODEL + TENSORFLOW)


@pytest.mark.backends("jax")
def test_data_parallel():
    run(MODEL + JAX)

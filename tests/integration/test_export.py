"""An exported model serves without kreg."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import kreg

SERVE = """
import sys
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
print(*model.serve(np.load(sys.argv[2])).numpy().ravel())
assert not any(name.split(".")[0] == "kreg" for name in sys.modules)
"""


@pytest.mark.backends("tensorflow")  # elsewhere it needs TensorFlow as well
def test_export(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                3, kernel_regularizer=kreg.regularizers.L1L2(0.1, 0.1)
            ),
            kreg.layers.ScheduledDropout(0.5, kreg.schedules.Ramp(5)),
            kreg.layers.ScheduledPenalty(
                keras.layers.Dense(2),
                kreg.regularizers.L2(0.1),
                kreg.schedules.Ramp(5),
            ),
        ]
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    model.fit(x, x[:, :2], verbose=0)
    model.export(tmp_path / "served", verbose=False)
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", SERVE, tmp_path / "served", tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    served = np.array(done.stdout.split(), float)
    np.testing.assert_allclose(
        served, model.predict(x, verbose=0).ravel(), rtol=1e-5
    )

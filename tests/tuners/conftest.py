import keras_tuner
import numpy as np
import pytest


@pytest.fixture
def data():
    """Two classes of 48 samples: 32 to train on, 16 to validate with."""
    random = np.random.default_rng(3)
    x = random.normal(size=(48, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    return {"x": x[:32], "y": y[:32], "validation_data": (x[32:], y[32:])}


@pytest.fixture
def objective():
    return keras_tuner.Objective("val_data_loss", "min")

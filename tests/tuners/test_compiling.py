"""When a search on a CPU has XLA compile."""

import keras
import keras_tuner
import numpy as np
import pytest

import kreg
from kreg.tuners import _compiling, _fit_arguments

layers = keras.layers


def sequential(*held):
    return keras.Sequential([keras.Input((8, 4)), *held, layers.Dense(2)])


def test_small_dense_networks_are_compiled_in_long_searches():
    model = sequential(
        layers.Flatten(),
        layers.Dense(4, kernel_regularizer=kreg.regularizers.L2(1e-3)),
        layers.BatchNormalization(),
        kreg.layers.ScheduledDropout(0.5),
    )
    assert _compiling.xla_for(model, 100_000) == "try"
    assert _compiling.xla_for(model, 10) == "auto"


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv1D(2, 3),
        lambda: layers.LSTM(3),
        lambda: layers.Bidirectional(layers.GRU(3)),
        lambda: type("Own", (layers.Dense,), {})(3),
    ],
)
def test_others_are_not(layer):
    assert _compiling.xla_for(sequential(layer()), 100_000) == "auto"


def tuner(cls, path, **kwargs):
    return cls(lambda hp: None, "val_loss", directory=path, **kwargs)


def test_steps_of_a_random_search(tmp_path):
    fit = {"x": np.zeros((100, 2)), "y": np.zeros(100), "batch_size": 30}
    fit["epochs"] = 5
    search = tuner(
        kreg.tuners.RandomSearch,
        tmp_path,
        max_trials=40,
        executions_per_trial=2,
    )
    assert _compiling.steps_of(search, fit) == 80 * 5 * 4
    fit["validation_split"] = 0.5
    assert _compiling.steps_of(search, fit) == 80 * 5 * 2
    data = {"x": iter([]), "epochs": 5}
    assert _compiling.steps_of(search, data) == 0
    assert _compiling.steps_of(search, {**data, "steps_per_epoch": 7}) == 2800


def test_steps_of_hyperband(tmp_path):
    search = tuner(kreg.tuners.Hyperband, tmp_path, max_epochs=9, factor=3)
    assert isinstance(search.oracle, keras_tuner.oracles.HyperbandOracle)
    fit = {"x": np.zeros((64, 2)), "y": np.zeros(64)}
    assert _compiling.steps_of(search, fit) == 3 * 9 * 9 * 2


def test_size_of_the_validation_data():
    size = _fit_arguments.validation_size
    x, y = np.zeros((10, 2)), np.zeros(10)
    assert size({"x": x, "y": y, "validation_data": (x[:3], y[:3])}) == 3
    assert size({"x": x, "y": y, "validation_data": ({"a": x[:4]}, y)}) == 4
    assert size({"x": x, "y": y, "validation_split": 0.25}) == 3  # 7 train
    assert size({"x": x, "y": y}) is None
    assert size({"x": x, "y": y, "validation_data": (x,)}) is None
    assert size({"x": x, "y": y, "validation_data": iter([])}) is None

"""Weights files are those that Keras itself would write."""

import h5py
import keras
import numpy as np
import pytest

import kreg
from kreg.tuners import _weight_files
from kreg.tuners._weight_files import WeightFiles
from tests.population import zoo

layers = keras.layers


def contents(path):
    """Every group, dataset and attribute of a file."""
    found = {}

    def note(name, item):
        value = item[...] if isinstance(item, h5py.Dataset) else None
        found[name] = value, dict(item.attrs)

    with h5py.File(path) as file:
        file.visititems(note)
        found[""] = None, dict(file.attrs)
    return found


def noisy(model, seed):
    """The model with random values, in the optimizer and the seeds, too."""
    random = np.random.default_rng(seed)
    for variable in [*model.variables, *model.optimizer.variables]:
        noise = random.uniform(0, 100, variable.shape)
        variable.assign(noise.astype(variable.dtype))
    return model


def regularized():
    return kreg.regularize(zoo.dense(1e-3, 0.5))


@pytest.mark.parametrize(
    "build", [zoo.dense, zoo.conv, zoo.lstm, zoo.attention, regularized]
)
@pytest.mark.parametrize("is_trained", [False, True])
def test_files_are_those_of_keras(build, is_trained, tmp_path):
    files = WeightFiles()
    saves = count_saves()
    build()  # what is looked up once for a class takes names, too
    for number in range(3):
        keras.utils.clear_session(free_memory=False)
        model = build()
        if is_trained:
            model.optimizer.build(model.trainable_variables)
        noisy(model, number)
        before = [np.array(v) for v in model.get_weights()]
        path = str(tmp_path / f"{number}.weights.h5")
        with saves:
            files.write(path, model)
        for mine, theirs in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        expected = str(tmp_path / "keras.weights.h5")
        model.save_weights(expected)
        np.testing.assert_equal(contents(path), contents(expected))
    assert saves.count == 1


class count_saves:
    """Counts how often Keras writes a file, within."""

    count = 0

    def __enter__(self):
        self._save = save = keras.Model.save_weights

        def counted(*args, **kwargs):
            self.count += 1
            return save(*args, **kwargs)

        keras.Model.save_weights = counted

    def __exit__(self, *error):
        keras.Model.save_weights = self._save


def test_models_of_other_names_or_shapes_have_forms_of_their_own(tmp_path):
    files = WeightFiles()
    for name, units in (("a", 2), ("b", 2), ("a", 3)):
        hidden = layers.Dense(units, name=name)
        model = keras.Sequential([keras.Input((2,)), hidden, layers.Dense(1)])
        model.compile("adam", "mse")
        noisy(model, units)
        path = str(tmp_path / f"{name}{units}.weights.h5")
        expected = str(tmp_path / "keras.weights.h5")
        files.write(path, model)
        model.save_weights(expected)
        np.testing.assert_equal(contents(path), contents(expected))


class Unmarked(layers.Layer):
    """Numbers that do not fit its variables' type, and one that is saved
    beside them."""

    def build(self, shape):
        self.flags = [
            self.add_weight(
                shape=(2,), dtype="bool", initializer="zeros", trainable=False
            )
            for _ in range(2)
        ]

    def call(self, x):
        return x


def test_what_cannot_be_told_apart_is_written_by_keras(tmp_path):
    model = keras.Sequential([keras.Input((2,)), Unmarked(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.layers[0].flags[1].assign([True, False])
    path = str(tmp_path / "mine.weights.h5")
    files = WeightFiles()
    for _ in range(2):
        files.write(path, model)
        expected = str(tmp_path / "keras.weights.h5")
        model.save_weights(expected)
        np.testing.assert_equal(contents(path), contents(expected))


def test_large_files_are_written_by_keras(tmp_path, monkeypatch):
    monkeypatch.setattr(_weight_files, "_MOST_BYTES", 100)
    saves, files = count_saves(), WeightFiles()
    with saves:
        for _ in range(2):
            files.write(str(tmp_path / "a.weights.h5"), zoo.dense())
    assert saves.count == 2

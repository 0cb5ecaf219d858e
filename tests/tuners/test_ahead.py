"""A search compiles while it builds, and finds what it would have found."""

import time

import keras
import pytest

import kreg.tuners
from kreg.population import Population, Programs
from kreg.tuners import _ahead, _compiling

pytestmark = pytest.mark.backends("tensorflow", "jax")


def build(hp, units=4):
    penalty = keras.regularizers.L2(hp.Float("l2", 1e-4, 1.0))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, "relu", kernel_regularizer=penalty),
            keras.layers.Dropout(hp.Float("rate", 0.0, 0.5)),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def build_of_two_widths(hp):
    return build(hp, hp.Choice("units", [4, 6]))


@pytest.fixture
def begun(monkeypatch):
    """What was traced ahead, of how many trials."""
    monkeypatch.setattr(_compiling, "_FEWEST_STEPS", 0)
    sizes, trace = [], _ahead.traced_ahead

    def traced(model, size, *arguments):
        sizes.append(size)
        return trace(model, size, *arguments)

    monkeypatch.setattr(_ahead, "traced_ahead", traced)
    return sizes


def searched(hypermodel, data, path, **kwargs):
    tuner = kreg.tuners.RandomSearch(
        hypermodel, max_trials=12, seed=4, directory=path, **kwargs
    )
    tuner.search(**data, epochs=2, batch_size=10, verbose=0)
    return [(r.hyperparameters, r.objective) for r in tuner.results]


def raises(*_):
    raise ValueError("no program")


def test_trials_are_as_without(begun, data, monkeypatch, tmp_path):
    found = searched(build, data, tmp_path / "ahead")
    assert begun == [12]
    monkeypatch.setattr(_ahead, "_FEWEST_RUNS", 100)
    assert searched(build, data, tmp_path / "not") == found
    assert begun == [12]
    # What fails ahead is done when it is needed.
    monkeypatch.setattr(_ahead, "_FEWEST_RUNS", 8)
    for name, ahead in (("trace", raises), ("compiler", lambda *_: raises)):
        monkeypatch.setattr(_ahead, "traced_ahead", ahead)
        assert searched(build, data, tmp_path / name) == found


def test_trials_of_two_graphs_are_as_without(
    begun, data, monkeypatch, tmp_path
):
    found = searched(build_of_two_widths, data, tmp_path / "ahead")
    monkeypatch.setattr(_ahead, "_FEWEST_RUNS", 100)
    assert searched(build_of_two_widths, data, tmp_path / "not") == found


def test_the_first_wave_alone_is_compiled_ahead(begun, data, tmp_path):
    searched(build, data, tmp_path, population=8)
    assert begun == [8]


def test_executions_have_numbers_of_their_own(begun, data, tmp_path):
    searched(build, data, tmp_path, executions_per_trial=2)
    assert not begun


@pytest.mark.parametrize("fewest_steps", [0, 10**9])  # with XLA, and without
def test_groups_have_engines_of_their_own_size(
    fewest_steps, begun, data, monkeypatch, tmp_path
):
    monkeypatch.setattr(_compiling, "_FEWEST_STEPS", fewest_steps)
    monkeypatch.setattr("kreg.population._programs._SPARE_WEIGHTS", 0)
    sizes, engine = [], Programs.engine

    def spied(self, template, rows, options):
        found = engine(self, template, rows, options)
        sizes.append((rows.size, found.size))
        return found

    monkeypatch.setattr(Programs, "engine", spied)

    def build_one_other(hp):
        return build(hp, 4 if next(count) < 8 else 6)

    count = iter(range(100))  # two are looked at, then come 6 and 6
    searched(build_one_other, data, tmp_path)
    assert begun == [12]
    assert sizes == [(12, 12), (6, 6), (6, 6)]


def test_training_waits_for_what_is_being_compiled(
    begun, data, monkeypatch, tmp_path
):
    def slow():
        time.sleep(1.0)
        events.append("compiled")

    def fit(self, *args, **kwargs):
        events.append("fit")
        return fit_of_population(self, *args, **kwargs)

    events, fit_of_population = [], Population.fit
    monkeypatch.setattr(_ahead, "traced_ahead", lambda *_: slow)
    monkeypatch.setattr(Population, "fit", fit)
    searched(build, data, tmp_path)
    assert events == ["compiled", "fit"]

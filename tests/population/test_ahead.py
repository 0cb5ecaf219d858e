"""What is compiled ahead is what trains, and changes nothing."""

import random

import keras
import numpy as np
import pytest

from kreg.population import Population, Programs
from kreg.population._ahead import traced_ahead
from tests.population import zoo

BACKEND = keras.backend.backend()

pytestmark = pytest.mark.backends("tensorflow", "jax")

X, Y = zoo.data("dense")
FIT = {"x": X, "y": Y, "batch_size": 16, "validation_split": 0.4}


def models():
    random.seed(0)
    return [zoo.dense(l2=value, rate=0.3) for value in (0.0, 0.01, 0.1)]


def trained(given, programs, **kwargs):
    population = Population(
        given, seed=3, jit_compile=True, programs=programs, **kwargs
    )
    return population.fit(epochs=3, **FIT)


def ahead(given, programs, **fit):
    return traced_ahead(given[0], len(given), 3, True, programs, {**FIT, **fit})


def test_training_is_the_same_and_traced_once(monkeypatch):
    expected = trained(models(), Programs())
    given, programs = models(), Programs()
    compiles = ahead(given, programs)
    assert programs.traces == 1
    compiles()
    if BACKEND == "jax":
        (engine,) = next(iter(programs._engines.values()))
        for program in (engine._train, engine._test):
            monkeypatch.setattr(program, "_jitted", None)  # not called
    assert trained(given, programs) == expected
    assert programs.traces == 1
    if BACKEND == "tensorflow":
        (engine,) = next(iter(programs._engines.values()))
        assert engine._train.experimental_get_tracing_count() == 1
        assert engine._compiled_step._compiled.experimental_get_tracing_count()


def test_no_python_runs_when_it_is_compiled(monkeypatch):
    given, programs = models(), Programs()
    compiles = ahead(given, programs)

    def calls(*args, **kwargs):
        raise AssertionError("a layer was called")

    monkeypatch.setattr(keras.layers.Layer, "__call__", calls)
    compiles()


def test_other_shapes_are_compiled_when_they_come():
    given, programs = models(), Programs()
    ahead(given, programs, x=X[:20], y=Y[:20], validation_split=0.0)()
    assert trained(given, programs) == trained(models(), Programs())


def test_what_is_streamed_is_left_alone():
    class Stream(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise AssertionError("data was taken")

    given, programs = models(), Programs()
    fit = {"x": Stream(), "y": None, "validation_split": 0.0}
    assert ahead(given, programs, **fit) is None
    fit = {"validation_data": Stream(), "validation_split": 0.0}
    ahead(given, programs, **fit)()


def test_what_compiles_draws_no_numbers():
    """The other thread seeds the models that it builds."""
    compiles = ahead(models(), Programs())
    state, numpys = random.getstate(), np.random.get_state()[1].copy()
    compiles()
    assert random.getstate() == state
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)

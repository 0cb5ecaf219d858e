"""On a GPU: a population trains as on the CPU, with XLA and its data there."""

import keras
import numpy as np
import pytest

from kreg.population import Population
from kreg.population._memory import free_bytes
from tests.backends import BACKEND
from tests.population import zoo

pytestmark = [pytest.mark.gpu, pytest.mark.backends("tensorflow", "jax")]

SETTINGS = [{"l2": 0.0}, {"l2": 1e-3}, {"l2": 1e-2, "learning_rate": 5e-3}]


@pytest.mark.parametrize("name", ["dense", "conv", "lstm"])
def test_trials_train_as_fit_trains_each(name):
    x, y = zoo.data(name)
    fit = {"epochs": 2, "batch_size": 10, "shuffle": False, "verbose": 0}
    models = []
    for settings in SETTINGS:
        keras.utils.set_random_seed(1)
        models.append(zoo.ZOO[name](**settings))
    histories = Population(models).fit(x, y, **fit)
    for history, settings in zip(histories, SETTINGS, strict=True):
        keras.utils.set_random_seed(1)
        expected = zoo.ZOO[name](**settings).fit(x, y, **fit).history
        np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-3)


def test_steps_are_compiled_by_xla():
    population = Population([zoo.dense(**s) for s in SETTINGS])
    x, y = zoo.data("dense")
    population.fit(x, y, epochs=1)
    if BACKEND == "tensorflow":
        assert population._jit["jit"]


def test_free_memory_is_that_of_the_device():
    assert 0 < free_bytes() < 2**40

"""Arguments that cannot be meant are refused in one sentence."""

import keras
import numpy as np
import pytest

from kreg.population import Population, PopulationBasedTraining, folds
from tests.population import zoo

pytestmark = pytest.mark.backends("tensorflow", "jax")

X, Y = zoo.data("dense")
ROWS = np.arange(10)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"epochs": 1.5}, "`epochs`. Expected a non-negative integer"),
        ({"initial_epoch": -1}, "`initial_epoch`. Expected a non-negative"),
        ({"batch_size": 0}, "`batch_size`. Expected a positive integer"),
        ({"validation_split": "a"}, r"`validation_split`. Expected a float in"),
        ({"validation_split": 1.0}, r"`validation_split`. Expected a float in"),
        ({"validation_freq": 0}, "`validation_freq`. Expected a positive int"),
        ({"validation_freq": []}, "`validation_freq`. Expected a positive int"),
        ({"validation_batch_size": 0}, "`validation_batch_size`. Expected a"),
        ({"steps_per_epoch": 2}, "`steps_per_epoch`. Expected `None` where"),
        (
            {"validation_data": (X, Y), "validation_steps": 1},
            "`validation_steps`. Expected `None` where",
        ),
        ({"x": X.tolist()}, "`x`. Expected arrays"),
        ({"x": "x"}, "`x`. Expected arrays"),
        ({"class_weight": [1.0]}, "`class_weight`. Expected a mapping"),
        ({"callbacks": "stop"}, "`callbacks`. Expected callbacks of Keras"),
        (
            {"splits": [(ROWS, ROWS), (ROWS, ROWS + len(X))]},
            "`splits`. Expected row numbers in",
        ),
    ],
    ids=lambda v: "-".join(v) if isinstance(v, dict) else "",
)
def test_fit(arguments, sentence):
    population = Population([zoo.dense(), zoo.dense()])
    with pytest.raises(
        ValueError, match=f"Invalid value for argument {sentence}"
    ):
        population.fit(**{"x": X, "y": Y, **arguments})


@pytest.mark.parametrize("seed", [None, -1, 1.5, "a"])
def test_seed(seed):
    with pytest.raises(ValueError, match="`seed`. Expected a non-negative"):
        Population([zoo.dense()], seed=seed)


def test_programs():
    with pytest.raises(ValueError, match="`programs`. Expected `None` or"):
        Population([zoo.dense()], programs=3)


def test_samples_that_do_not_fit_the_model():
    with pytest.raises(ValueError, match="Expected samples") as caught:
        Population([zoo.dense()]).fit(X[:, :3], Y)
    (line,) = str(caught.value).splitlines()
    assert "Received: x=float32[3], y=int32[]: " in line
    assert "to have value 6" in line  # says Keras


def test_folds_of_nothing():
    with pytest.raises(ValueError, match="`samples`. Expected a positive"):
        folds(0, 2)


def test_selection_before_training():
    with pytest.raises(ValueError, match="`factors`. Expected at least one"):
        PopulationBasedTraining([zoo.dense(), zoo.dense()], factors=1.2)
    training = PopulationBasedTraining([zoo.dense(), zoo.dense()])
    for result in (lambda: training.best_trial, training.courses):
        with pytest.raises(RuntimeError, match="Call `fit` first"):
            result()


def test_validation_in_listed_epochs():
    fit = {"epochs": 4, "validation_split": 0.4, "validation_freq": [1, 4]}
    fit.update(shuffle=False, batch_size=16, verbose=0)
    keras.utils.set_random_seed(0)
    expected = zoo.dense().fit(X, Y, **fit).history["val_loss"]
    keras.utils.set_random_seed(0)
    (history,) = Population([zoo.dense()]).fit(X, Y, **fit)
    assert len(expected) == 2
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-5)


def test_memory_that_runs_out_is_not_the_samples_fault():
    @keras.saving.register_keras_serializable("tests")
    class Large(keras.layers.Layer):
        def build(self, input_shape):
            raise MemoryError("no room for the weights")

    def model():
        made = keras.Sequential([Large()])
        made.compile("sgd", "mse")
        return made

    x = np.zeros((4, 2), "float32")
    with pytest.raises(MemoryError, match="no room"):
        Population([model(), model()]).fit(x, x)

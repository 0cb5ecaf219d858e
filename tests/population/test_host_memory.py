"""How much of the state of a population is held twice on the host."""

import tracemalloc

import keras
import numpy as np
import pytest

import kreg
from kreg.population import Population

pytestmark = pytest.mark.backends("tensorflow", "jax")

UNITS, TRIALS = 1024, 8


def build():
    model = keras.Sequential(
        [
            keras.Input((UNITS,)),
            keras.layers.Dense(
                UNITS, kernel_regularizer=kreg.regularizers.L2(1e-3), name="d"
            ),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model


@pytest.fixture
def population():
    return Population([build() for _ in range(TRIALS)])


def fit(population, tmp_path, **kwargs):
    x, y = np.ones((8, UNITS), "float32"), np.ones((8, 1), "float32")
    return population.fit(
        x,
        y,
        validation_data=(x, y),
        keep_best="val_data_loss",
        snapshot=str(tmp_path / "state.npz"),
        **kwargs,
    )


def test_training_copies_the_state_little(population, tmp_path):
    """NumPy's memory: that of the engines is the backend's own."""
    weights = 4 * UNITS * UNITS
    state = 3 * TRIALS * weights  # with the two moments of Adam
    tracemalloc.start()
    try:
        fit(population, tmp_path, epochs=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * state, peak / state


def test_a_training_that_failed_begins_anew(population, tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(population, tmp_path, epochs=1, callbacks=[Fails()])
    (tmp_path / "state.npz").unlink(missing_ok=True)
    fresh = Population([build() for _ in range(TRIALS)])
    fresh.prepare((np.ones((1, UNITS)), np.ones((1, 1)), None))
    for mine, first in zip(
        population.trials.rows.optimizer,
        fresh.trials.rows.optimizer,
        strict=True,
    ):
        np.testing.assert_array_equal(mine, first)
    histories = fit(population, tmp_path, epochs=2)
    assert all(len(history["loss"]) == 2 for history in histories)


def test_values_can_be_set_after_training(population, tmp_path):
    fit(population, tmp_path, epochs=1)
    values = [0.1 * (trial + 1) for trial in range(TRIALS)]
    population.set_values({"d/kernel_regularizer/l2": values})
    strengths = kreg.strengths(population.unstack(2))
    assert strengths["d/kernel_regularizer/l2"].value == pytest.approx(0.3)

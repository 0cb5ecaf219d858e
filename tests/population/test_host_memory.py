"""How much of the state of a population is held twice on the host."""

import tracemalloc

import keras
import numpy as np
import pytest

import kreg
from kreg.population import Population
from kreg.population._emptying import Emptied
from kreg.population._rows import Rows, gathered

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
    tmp_path.mkdir(exist_ok=True)
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
    """NumPy's memory: that of the engines is the backend's own.

    Except that TensorFlow keeps an array of NumPy as the memory of a variable
    where its address is a multiple of 64: up to the weights of one trial. One
    more copy of the weights of all would be a third of the state.
    """
    weights = 4 * UNITS * UNITS
    state = 3 * TRIALS * weights  # with the two moments of Adam
    tracemalloc.start()
    try:
        fit(population, tmp_path, epochs=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.8 * state, peak / state


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


def test_many_like_one_take_the_memory_of_one():
    """The states of trials of a function are made on the device alone.

    What is held may be the weights of one twice: those of the model may be in
    NumPy's memory (see above). Those of all would be eight times as many.
    """
    values = {"d/kernel_regularizer/l2": [0.0] * TRIALS}
    population = Population(build, values)
    x, y = np.ones((8, UNITS), "float32"), np.ones((8, 1), "float32")
    weights = 4 * UNITS * UNITS
    tracemalloc.start()
    try:
        population.prepare((x, y, None))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert population.trials.rows.size == TRIALS
    assert held < 2.5 * weights, held / weights


def row(*weights):
    return Rows([np.array(w)[None] for w in weights], [], [], [np.zeros(1)])


def test_rows_are_gathered_to_the_last_bit():
    rows = gathered(
        iter(
            [row([1.0, 2.0], -0.0), row([1.0, 2.0], -0.0), row([1.0, 2.0], 0)]
        ),
        size=3,
    )
    np.testing.assert_array_equal(rows.weights[0], [[1.0, 2.0]] * 3)
    np.testing.assert_array_equal(np.signbit(rows.weights[1]), [1, 1, 0])
    assert rows.weights[0].strides[0] == 0
    taken = rows.take([2, 0, 2])
    np.testing.assert_array_equal(taken.weights[0], [[1.0, 2.0]] * 3)
    np.testing.assert_array_equal(np.signbit(taken.weights[1]), [0, 1, 0])


def address(variable):
    """Where the value of a variable is."""
    if keras.backend.backend() == "jax":
        return variable.value.unsafe_buffer_pointer()
    return np.asarray(variable.value.read_value()).ctypes.data


def test_emptied_variables_have_one_value():
    emptied = Emptied()
    variables = [
        keras.Variable(np.full((UNITS, UNITS), k, "float32")) for k in range(3)
    ]
    small = keras.Variable(np.ones(UNITS, "float32"))
    emptied.empty([*variables, small])
    assert len({address(v) for v in variables}) == 1
    for variable in variables:
        np.testing.assert_array_equal(variable.numpy(), 0.0)
    np.testing.assert_array_equal(small.numpy(), 1.0)
    variables[0].assign(np.ones((UNITS, UNITS), "float32"))
    np.testing.assert_array_equal(variables[0].numpy(), 1.0)
    np.testing.assert_array_equal(variables[1].numpy(), 0.0)


def test_models_that_may_be_emptied_are(population, tmp_path):
    kept = [build() for _ in range(TRIALS)]
    for mine, theirs in zip(kept, population.trials._models, strict=True):
        mine.set_weights(theirs.get_weights())
    reference = Population(kept)
    population.trials.emptied = Emptied()
    for model in 2 * population.trials._models:  # each is met twice
        population.trials.emptied.meet(model)
    histories = fit(population, tmp_path, epochs=2)
    kernels = [
        model.get_layer("d").kernel for model in population.trials._models
    ]
    assert len({address(kernel) for kernel in kernels}) == 1
    assert histories == fit(reference, tmp_path / "other", epochs=2)
    for trial in (0, TRIALS - 1):
        model = population.trials._models[trial]
        population.trials.write(trial, model, best=True)
        for mine, theirs in zip(
            model.get_weights(),
            reference.unstack(trial, best=True).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(mine, theirs)
        population.trials.empty(model)
    assert len({address(kernel) for kernel in kernels}) == 1


@pytest.mark.backends("jax")
def test_the_best_are_measured_where_they_are(population, tmp_path):
    fit(population, tmp_path, epochs=1)
    x, y = np.ones((8, UNITS), "float32"), np.ones((8, 1), "float32")
    kept = population.trials.chosen(best=True).weights
    engine = population._engine(best=True)
    for shown, held in zip(engine.weights, kept, strict=True):
        if held.nbytes > 64:  # smaller ones need not be aligned
            assert shown.unsafe_buffer_pointer() == held.ctypes.data
    # They are still there after more training, which uses up its arrays.
    before = [array.copy() for array in kept]
    measured = population.evaluate(x, y, best=True)
    fit(population, tmp_path / "more", epochs=1)
    for array, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(array, old)
    assert len(measured["data_loss"]) == TRIALS

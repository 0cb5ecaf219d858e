"""Layers with habits of their own train in a population as in `fit`."""

import keras
import numpy as np
import pytest

from kreg.population import Population
from tests.population import zoo
from tests.population.test_parity import assert_history_is, made

pytestmark = pytest.mark.backends("tensorflow", "jax")

FIT = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}


@keras.saving.register_keras_serializable("tests")
class Fading(keras.layers.Layer):
    """Counts all batches, and those at inference with them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(initializer="zeros", trainable=False)
        self.built = True

    def call(self, inputs):
        self.seen.assign(self.seen + 1.0)
        return inputs / self.seen


def test_what_validation_changes_stays_changed():
    x, y = zoo.data("dense")

    def build(l2):
        penalty = keras.regularizers.L2(l2)
        layers = [
            keras.Input((6,)),
            keras.layers.Dense(4, kernel_regularizer=penalty),
            Fading(),
        ]
        return zoo.compiled(keras.Sequential(layers), "sgd")

    # Keras validates in batches of 16 then, and the layer counts them.
    fit = {**FIT, "validation_split": 0.6, "validation_batch_size": 16}
    histories = Population([made(build, l2=v) for v in (0.0, 0.1)]).fit(
        x, y, **fit
    )
    expected = made(build, l2=0.1).fit(x, y, **fit).history
    assert_history_is(histories[1], expected)


class InBatches(keras.utils.PyDataset):
    """Four batches."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return self.x[rows], self.y[rows]


def test_epochs_of_so_many_steps_go_on_in_the_data():
    x, y = zoo.data("dense")

    def build(l2):
        penalty = keras.regularizers.L2(l2)
        layer = keras.layers.Dense(4, kernel_regularizer=penalty)
        model = keras.Sequential([keras.Input((6,)), layer])
        return zoo.compiled(model, "sgd")

    fit = {"epochs": 3, "steps_per_epoch": 2, "shuffle": False, "verbose": 0}
    models = [made(build, l2=v) for v in (0.0, 0.1)]
    histories = Population(models).fit(InBatches(x, y), **fit)
    expected = made(build, l2=0.1).fit(InBatches(x, y), **fit).history
    assert_history_is(histories[1], expected)


@keras.saving.register_keras_serializable("tests")
class Ends(keras.metrics.Metric):
    """Two numbers, each with a name."""

    def __init__(self, name="ends", **kwargs):
        super().__init__(name=name, **kwargs)
        self.highest = self.add_weight(initializer="zeros", name="highest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        highest = keras.ops.maximum(self.highest, keras.ops.max(y_pred))
        self.highest.assign(highest)

    def result(self):
        highest = keras.ops.convert_to_tensor(self.highest)
        return {"highest": highest, "twice": 2.0 * highest}


def test_metrics_of_masked_outputs_and_of_several_names():
    x, _ = zoo.data("lstm")
    x[:, 3:] = 0.0
    y = np.ones((len(x), 5), int)

    def build(l2):
        penalty = keras.regularizers.L2(l2)
        layers = [
            keras.Input((5, 3)),
            keras.layers.Masking(),
            keras.layers.Dense(4, kernel_regularizer=penalty),
        ]
        model = zoo.compiled(keras.Sequential(layers), "sgd")
        model.compile("sgd", model.loss, metrics=["accuracy", Ends()])
        return model

    models = [made(build, l2=v) for v in (0.0, 0.1)]
    histories = Population(models).fit(x, y, **FIT)
    expected = made(build, l2=0.1).fit(x, y, **FIT).history
    assert "twice" in expected
    assert_history_is(histories[1], expected)

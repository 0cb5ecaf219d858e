"""Models that differ in Python alone have graphs of their own."""

import keras
import numpy as np
import pytest

from kreg.population import NotStackable, Population
from kreg.population._grouping import grouped

pytestmark = pytest.mark.backends("tensorflow", "jax")


class Shift(keras.layers.Layer):
    """Has a config that does not tell of `by`."""

    def __init__(self, by=0.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by
        self.scale = self.add_weight(shape=(), name="scale")

    def call(self, inputs):
        return self.scale * inputs + self.by

    def get_config(self):
        return {**super().get_config()}


class Focal(keras.losses.Loss):
    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return keras.ops.abs(y_true - y_pred) ** self.gamma


def power(y_true, y_pred, gamma=1.0):
    return keras.ops.abs(y_true - y_pred) ** gamma


def model_of(*layers, loss="mse", metrics=None):
    model = keras.Sequential(
        [keras.Input((3,)), *layers, keras.layers.Dense(1)]
    )
    model.compile("sgd", loss, metrics=metrics)
    return model


def closed_over(gamma):
    def loss(y_true, y_pred):
        return power(y_true, y_pred, gamma)

    return loss


def local_class(gamma):
    class Adds(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(gamma * keras.ops.mean(inputs))
            return inputs

    return Adds()


def adapted(gamma):
    layer = keras.layers.Normalization()
    layer.adapt(np.array([[0.0, 1.0, 2.0], [gamma, 3.0, 4.0]]))
    return layer


def holding(gamma):
    layer = Shift()
    layer.held = {"a": [Focal(gamma), np.full(3, gamma)], "b": (closed_over,)}
    return layer


MODELS = {
    "closure": lambda a: model_of(loss=closed_over(a)),
    "loss": lambda a: model_of(loss=Focal(a)),
    "list of losses": lambda a: model_of(loss=[Focal(a)]),
    "method": lambda a: model_of(loss=Focal(a).call),
    "metric": lambda a: model_of(metrics=[closed_over(a)]),
    "attribute": lambda a: model_of(Shift(a)),
    "nested": lambda a: model_of(holding(a)),
    "class": lambda a: model_of(local_class(a)),
    "activation": lambda a: model_of(
        keras.layers.Dense(2, lambda x: closed_over(a)(x, 0.0))
    ),
    "adapted": lambda a: model_of(adapted(a)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_python_holds_tells_models_apart(name):
    build = MODELS[name]
    models = [build(1.0), build(2.0), build(1.0)]
    assert grouped(models) == [[0, 2], [1]]


def test_of_a_variable_in_a_function_there_is_one_alone():
    variable = keras.Variable(1.0)
    models = [
        model_of(loss=closed_over(v))
        for v in (variable, keras.Variable(1.0), variable)
    ]
    assert grouped(models) == [[0, 2], [1]]


def test_a_layer_that_its_config_does_not_make_anew_is_refused():
    x, y = np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")
    with pytest.raises(NotStackable, match="its layer Shift does not tell all"):
        Population([model_of(Shift(2.0))]).fit(x, y)
    Population([model_of(Shift())]).fit(x, y)


class Scaled(keras.Model):
    """A Functional model of a class of the user's, with more to it."""

    factor = 1.0

    def call(self, inputs, **kwargs):
        return self.factor * super().call(inputs, **kwargs)


def scaled(factor):
    inputs = keras.Input((3,))
    model = Scaled(inputs, keras.layers.Dense(1)(inputs))
    model.factor = factor
    model.compile("sgd", "mse")
    return model


def test_of_a_model_what_it_is_compiled_with_is_no_layer():
    x, y = np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")
    model = model_of(loss=closed_over(1.0))
    model.notes = {"made": object()}
    Population([model]).fit(x, y)
    assert grouped([scaled(2.0), scaled(3.0), scaled(2.0)]) == [[0, 2], [1]]
    with pytest.raises(NotStackable, match="its layer Scaled does not tell"):
        Population([scaled(2.0)]).fit(x, y)

"""Both transforms on layers that Keras does not know."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

L = keras.layers


class Projection(L.Layer):
    """Has no `get_config`: Keras notes down `units`, but not the name."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = L.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.dense(inputs)


class Opaque(L.Layer):
    def __init__(self, held, **kwargs):
        super().__init__(**kwargs)

    def call(self, inputs):
        return inputs


class Forgetful(Opaque):
    def get_config(self):
        return super(Opaque, self).get_config()


def sequential(make):
    return keras.Sequential(
        [
            keras.Input((3,)),
            make(),
            L.Dense(5, activation="relu", name="hidden"),
            make(),
            L.Dense(2, name="scores"),
        ]
    )


def functional(make):
    inner = keras.Sequential([keras.Input((5,)), make(), L.Dense(4)])
    inputs = keras.Input((3,))
    hidden = L.Dense(5, activation="relu", name="hidden")(make()(inputs))
    return keras.Model(inputs, L.Dense(2, name="scores")(inner(hidden)))


def regularized(model):
    return kreg.regularize(model, kernel=kreg.regularizers.L2(0.1))


@pytest.mark.parametrize("build", [sequential, functional])
@pytest.mark.parametrize("transform", [regularized, kreg.compact])
def test_layers_without_a_config_keep_names_and_weights(build, transform):
    model = build(lambda: Projection(4))
    penalty = kreg.regularizers.L1(0.1)
    model.compile(kreg.optimizers.Proximal("sgd", penalty), "mse")
    kernel = model.get_layer("hidden").kernel
    pruned = ops.convert_to_numpy(kernel).copy()
    pruned[:, 1] = 0.0
    kernel.assign(pruned)
    new = transform(model)
    assert [layer.name for layer in new.layers] == [
        layer.name for layer in model.layers
    ]
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(new(x)), ops.convert_to_numpy(model(x)), atol=1e-6
    )


@pytest.mark.parametrize("transform", [regularized, kreg.compact])
@pytest.mark.parametrize(
    "make", [lambda: Opaque(object()), lambda: Forgetful(1)]
)
def test_layers_that_cannot_be_made_anew_are_refused_in_one_line(
    transform, make
):
    model = sequential(make)
    with pytest.raises(ValueError, match="argument `model`") as raised:
        transform(model)
    message = str(raised.value)
    assert "get_config" in message
    assert type(model.layers[0]).__name__ in message
    assert "\n" not in message


@pytest.mark.parametrize("transform", [regularized, kreg.compact])
def test_a_layer_in_two_of_the_models_is_refused(transform):
    # Keras would load it as two layers, of which one has initial weights.
    shared = L.Dense(4, activation="relu", name="shared")
    inner_inputs = keras.Input((4,))
    inner = keras.Model(inner_inputs, shared(inner_inputs), name="inner")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L.Dense(2)(inner(shared(inputs))), name="outer")
    sentence = "layer 'shared' in both 'outer' and 'inner'"
    with pytest.raises(ValueError, match=sentence):
        transform(model)

"""Models that the tests of the transforms take apart."""

import keras
import numpy as np

layers = keras.layers


def mlp():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="first"),
            layers.Dense(7, activation="tanh", name="second"),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="mlp",
    )


def plain_keras():
    """One of each thing that becomes kreg's."""
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, kernel_regularizer="l1", name="a"),
            layers.Dropout(0.3, name="drop"),
            layers.Dense(
                8,
                kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-4),
                bias_regularizer=keras.regularizers.L2(1e-5),
                activity_regularizer=keras.regularizers.L2(1e-6),
                name="b",
            ),
            layers.Dense(2, name="c"),
        ]
    )


def branches():
    """Shared layers, a nested model called twice, and two outputs."""
    inputs = keras.Input((6,), name="inputs")
    inner_inputs = keras.Input((8,))
    inner = keras.Model(
        inner_inputs,
        layers.Dense(8, activation="relu", name="deep")(inner_inputs),
        name="inner",
    )
    shared = layers.Dense(8, activation="relu", name="shared")
    stem = layers.Dense(8, activation="relu", name="stem")(inputs)
    x = layers.Add(name="sum")([shared(stem), shared(shared(stem))])
    x = inner(inner(x)) + stem
    first = layers.Dense(2, activation="relu", name="first")(x)
    second = layers.Dense(3, activation="relu", name="second")(x)
    second = layers.Flatten(name="flat")(second)
    return keras.Model(inputs, {"p": first, "q": second}, name="branches")


def inputs_for(model, samples=8):
    random = np.random.default_rng(0)
    arrays = [
        random.normal(size=(samples, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    ]
    return arrays if len(arrays) > 1 else arrays[0]


def predictions(model, x):
    """The outputs at inference, as a flat list of arrays."""
    outputs = keras.tree.flatten(model(x, training=False))
    return [keras.ops.convert_to_numpy(output) for output in outputs]


def assert_same_outputs(old, new, tolerance=1e-6, x=None):
    x = inputs_for(old) if x is None else x
    for a, b in zip(predictions(old, x), predictions(new, x), strict=True):
        scale = max(1.0, float(np.abs(a).max()))
        np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * scale)

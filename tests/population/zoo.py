"""Architectures that a population must train as `fit` trains each."""

import keras
import numpy as np
from keras import layers

OPTIMIZERS = keras.optimizers


def dense(l2=0.0, rate=0.0, learning_rate=1e-3, optimizer=None, metrics=True):
    penalty = keras.regularizers.L2(l2)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, "relu", kernel_regularizer=penalty),
            layers.Dropout(rate, seed=1),
            layers.Dense(4, kernel_regularizer=keras.regularizers.L1(l2)),
        ]
    )
    return compiled(model, optimizer or OPTIMIZERS.Adam(learning_rate))


def conv(l2=0.0, learning_rate=1e-2):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, kernel_regularizer=keras.regularizers.L2(l2)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    return compiled(model, OPTIMIZERS.SGD(learning_rate, momentum=0.9))


def lstm(l2=0.0, learning_rate=1e-2):
    model = keras.Sequential(
        [
            keras.Input((5, 3)),
            layers.LSTM(6, recurrent_regularizer=keras.regularizers.L2(l2)),
            layers.Dense(4),
        ]
    )
    return compiled(model, OPTIMIZERS.RMSprop(learning_rate))


def attention(l2=0.0, learning_rate=1e-3):
    inputs = keras.Input((5, 8))
    hidden = layers.MultiHeadAttention(
        2, 4, kernel_regularizer=keras.regularizers.L2(l2)
    )(inputs, inputs)
    hidden = layers.LayerNormalization()(layers.Add()([hidden, inputs]))
    hidden = layers.GlobalAveragePooling1D()(hidden)
    model = keras.Model(inputs, layers.Dense(4)(hidden))
    return compiled(model, OPTIMIZERS.AdamW(learning_rate, weight_decay=0.01))


def two_ends(l2=0.0, learning_rate=1e-3):
    """Two inputs, one of them integers; two outputs."""
    numbers = keras.Input((6,), name="numbers")
    words = keras.Input((3,), dtype="int32", name="words")
    embedded = layers.Flatten()(layers.Embedding(10, 2)(words))
    joined = layers.Concatenate()([numbers, embedded])
    hidden = layers.Dense(
        8, "relu", kernel_regularizer=keras.regularizers.L2(l2)
    )(joined)
    outputs = {
        "classes": layers.Dense(4, name="classes")(hidden),
        "value": layers.Dense(1, name="value")(hidden),
    }
    model = keras.Model({"numbers": numbers, "words": words}, outputs)
    model.compile(
        # Not Adam: on TensorFlow, Keras squares the gradients of rows that
        # stand twice in a batch of an Embedding before it adds them.
        OPTIMIZERS.SGD(learning_rate),
        loss={
            "classes": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True
            ),
            "value": "mse",
        },
        loss_weights={"classes": 1.0, "value": 0.5},
        metrics={"classes": ["accuracy"], "value": ["mae"]},
    )
    return model


def compiled(model, optimizer):
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def data(name, samples=50, seed=0):
    """`(x, y)` for the architecture of that name."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 4, samples)
    shapes = {
        "dense": (6,),
        "conv": (8, 8, 2),
        "lstm": (5, 3),
        "attention": (5, 8),
    }
    if name == "two_ends":
        x = {
            "numbers": random.normal(size=(samples, 6)).astype("float32"),
            "words": random.integers(0, 10, (samples, 3)).astype("int32"),
        }
        value = random.normal(size=(samples, 1)).astype("float32")
        return x, {"classes": y, "value": value}
    x = random.normal(size=(samples, *shapes[name])).astype("float32")
    x += y.reshape(-1, *[1] * len(shapes[name])) * 0.3
    return x.astype("float32"), y


def rows(tree, begin, end):
    return keras.tree.map_structure(lambda a: a[begin:end], tree)


ZOO = {f.__name__: f for f in (dense, conv, lstm, attention, two_ends)}

"""Random convolutional models with random weights, many of them zero.

They branch, join, nest and share layers. What a transform claims for any
model is tried on many of them.
"""

import keras
import numpy as np

layers = keras.layers
ACTIVATIONS = ["relu", "tanh", "sigmoid", "linear", "softplus", "gelu"]
SHAPE = (8, 8, 3)


def random_model(seed):
    """Returns a model that takes inputs of `SHAPE`."""
    return _Builder(np.random.default_rng(seed)).model()


def random_inputs(seed, samples=5):
    random = np.random.default_rng(seed)
    return (3 * random.normal(size=(samples, *SHAPE))).astype("float32")


class _Builder:
    def __init__(self, random):
        self.random = random
        self.shared = layers.Dense(5, activation=self.activation())

    def pick(self, *values):
        return values[self.random.integers(len(values))]

    def activation(self):
        return self.pick(*ACTIVATIONS)

    def model(self):
        inputs = keras.Input(SHAPE)
        x = self.conv(inputs)
        for _ in range(self.random.integers(2, 6)):
            x = self.pick(
                self.conv,
                self.normalize,
                self.depthwise,
                self.separable,
                self.residual,
                self.concatenate,
                self.excite,
                self.pool,
                self.pad,
                self.share,
                self.nest,
            )(x)
        x = self.dense(self.flat(x))
        outputs = [layers.Dense(3, activation="softmax")(x)]
        if self.random.random() < 0.4:
            outputs.append(layers.Dense(2, use_bias=False)(x))
        model = keras.Model(inputs, outputs)
        self.zero(model)
        return model

    def conv(self, x):
        return layers.Conv2D(
            self.pick(2, 4, 6),
            self.pick(1, 2),
            padding=self.pick("same", "valid"),
            activation=self.activation(),
            use_bias=self.pick(True, True, False),
        )(x)

    def normalize(self, x):
        x = layers.BatchNormalization(scale=self.pick(True, False))(x)
        return layers.Dropout(0.3)(layers.Activation(self.activation())(x))

    def depthwise(self, x):
        return layers.DepthwiseConv2D(
            2,
            padding=self.pick("same", "valid"),
            depth_multiplier=self.pick(1, 2),
            activation=self.activation(),
        )(x)

    def separable(self, x):
        return layers.SeparableConv2D(
            4,
            2,
            padding="same",
            depth_multiplier=self.pick(1, 2),
            activation=self.activation(),
        )(x)

    def residual(self, x):
        y = layers.Conv2D(
            x.shape[-1], 3, padding="same", activation=self.activation()
        )(x)
        return self.pick(layers.Add, layers.Multiply, layers.Maximum)()([x, y])

    def concatenate(self, x):
        y = layers.Conv2D(3, 1, activation=self.activation())(x)
        return layers.Concatenate()([x, y])

    def excite(self, x):
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(3, 1, activation="relu")(gate)
        return x * layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)

    def pool(self, x):
        pooling = self.pick(layers.MaxPooling2D, layers.AveragePooling2D)
        return pooling(2, padding="same")(x)

    def pad(self, x):
        return layers.ZeroPadding2D(1)(x)

    def share(self, x):
        x = self.shared(layers.Dense(5)(x))
        return self.shared(layers.Dense(5, activation=self.activation())(x))

    def nest(self, x):
        inputs = keras.Input(x.shape[1:])
        hidden = layers.Conv2D(4, 1, activation=self.activation())(inputs)
        outputs = layers.Conv2D(x.shape[-1], 1)(hidden)
        inner = keras.Model(inputs, outputs)
        return inner(inner(x))

    def flat(self, x):
        if self.random.random() < 0.3:
            x = layers.LayerNormalization()(x)
        if self.random.random() < 0.5:
            return layers.GlobalAveragePooling2D()(x)
        return layers.Flatten()(x)

    def dense(self, x):
        x = layers.Dense(12, activation=self.activation())(x)
        if self.random.random() < 0.3:
            x = layers.Conv1D(3, 2)(layers.Reshape((3, 4))(x))
            x = layers.Flatten()(x)
        return x

    def zero(self, model):
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                self.zero(layer)
                continue
            for variable in layer.weights:
                variable.assign(self.values(variable))

    def values(self, variable):
        values = 0.4 * self.random.normal(size=tuple(variable.shape))
        if "seed" in variable.name:
            return keras.ops.convert_to_numpy(variable)
        if variable.name == "moving_variance":
            return np.abs(values) + 0.2
        if values.ndim == 1:
            return values * self.drop(values.shape[0], 0.5)
        columns = self.drop(values.shape[-1], 0.4)
        rows = self.drop(values.shape[-2], 0.4)
        return values * columns * rows[:, None]

    def drop(self, count, fraction):
        if self.random.random() < 0.5:
            return np.ones(count)
        return (self.random.random(count) >= fraction).astype(float)

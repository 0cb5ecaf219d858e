"""Change lambda and a dropout rate while `fit` runs, and see it obeyed.

    python steer_mid_fit.py

In plain Keras both are Python floats inside the compiled training step:
assigning them in a callback changes nothing. In kreg they are variables.
"""

import keras
import numpy as np
from keras import ops

import kreg

PLAN = [  # epoch by epoch: lambda and rate
    {"*/l2": 0.0, "*/rate": 0.0},
    {"*/l2": 0.0, "*/rate": 0.8},
    {"*/l2": 0.01, "*/rate": 0.8},
    {"*/l2": 0.1, "*/rate": 0.2},
    {"*/l2": 0.0, "*/rate": 0.0},
]


class ZeroFraction(keras.layers.Layer):
    """Passes its inputs on, and notes what share of them is zero."""

    def build(self, input_shape):
        """Makes the variable that holds the share."""
        self.share = self.add_weight(shape=(), trainable=False)
        self.traces = 0

    def call(self, inputs, training=False):
        """Returns `inputs`."""
        self.traces += 1  # plain Python: runs only when Keras traces
        if training:
            zeros = ops.cast(ops.equal(inputs, 0.0), "float32")
            self.share.assign(ops.mean(zeros))
        return inputs


class Steer(keras.callbacks.Callback):
    """Follows the plan, and prints what came of each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Sets both strengths."""
        kreg.set_strengths(self.model, PLAN[epoch])
        self.before = self.sum_of_squares()

    def on_epoch_end(self, epoch, logs=None):
        """Compares what was measured with what was set."""
        zeros = self.model.get_layer("zeros")
        if epoch == 0:
            self.traces = zeros.traces
        lambda_, rate = PLAN[epoch].values()
        # `loss` has the penalty, the metric has not: both are means over the
        # batches of this epoch.
        penalty = logs["loss"] - logs["mean_squared_error"]
        bounds = sorted([self.before, self.sum_of_squares()])
        low, high = (lambda_ * bound for bound in bounds)
        share = float(ops.convert_to_numpy(zeros.share))
        print(
            f"epoch {epoch}: l2 {lambda_:<5g} penalty in the loss "
            f"{penalty:.4f} (expected {low:.4f} to {high:.4f}); "
            f"rate {rate:<4g} zeros {share:.3f}"
        )
        assert low - 1e-3 <= penalty <= high + 1e-3
        assert abs(share - rate) < 0.02

    def sum_of_squares(self):
        """Returns what lambda multiplies."""
        kernel = ops.convert_to_numpy(self.model.get_layer("hidden").kernel)
        return float(np.sum(np.square(kernel)))


keras.utils.set_random_seed(1)
random = np.random.default_rng(1)
x = random.normal(size=(512, 20)).astype("float32")
y = x @ random.normal(size=(20, 1)).astype("float32")
model = keras.Sequential(
    [
        keras.Input((20,)),
        keras.layers.Dense(
            64,
            activation="tanh",
            kernel_regularizer=kreg.regularizers.L2(0.0),
            name="hidden",
        ),
        kreg.layers.ScheduledDropout(0.0, name="dropout"),
        ZeroFraction(name="zeros"),
        keras.layers.Dense(1),
    ]
)
model.compile("adam", "mse", metrics=["mean_squared_error"])
steer = Steer()
model.fit(x, y, batch_size=128, epochs=len(PLAN), callbacks=[steer], verbose=0)

if keras.backend.backend() == "torch":
    print("Torch runs eagerly: there is no trace to repeat.")
else:
    traces = model.get_layer("zeros").traces - steer.traces
    assert traces == 0
    print(f"Traced again after the first epoch: {traces} times.")

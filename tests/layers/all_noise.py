"""All noise layers, and one model that has each of them in a branch."""

import keras
import numpy as np

import kreg
from tests.contracts import LAYERS, Row

L = kreg.layers
MIXERS = (L.ScheduledMixUp, L.ScheduledCutMix)
WRAPPERS = (L.DropConnect, L.WeightNoise)
# These take part at inference too, or draw nothing.
NOT_NOISE = (
    L.ScheduledPenalty,
    L.FeatureGate,
    L.ScheduledLabelSmoothing,  # passes its inputs on, always
)
NOISE = [row for row in LAYERS if row.cls not in NOT_NOISE]

# Name to make, input shape, call.
BRANCHES = {
    row.cls.__name__: (row.make, row.input_shape, row.call) for row in NOISE
}
BRANCHES["FeatureGate"] = (  # that of the contracts is always open
    lambda: L.FeatureGate(
        open_probability=0.5, seed=1, schedule=kreg.schedules.Ramp(steps=50)
    ),
    (6,),
    Row.call,
)
BRANCHES["Augmentation"] = (  # at rate 1 the layer of Keras alone is random
    lambda: L.ScheduledAugmentation(
        keras.layers.RandomErasing((1.0, 1.0), value_range=(0, 1)), 1.0
    ),
    (8, 8, 3),
    Row.call,
)


def data_of_all(samples=8):
    """Inputs for each branch."""
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=(samples, *shape)).astype("float32")
        for name, (_, shape, _) in BRANCHES.items()
    }


def model_of_all(rate=0.05):
    """Returns a compiled model, and its noise layers by the name of branch."""
    noise, inputs, outputs = {}, {}, []
    for name, (make, shape, call) in BRANCHES.items():
        noise[name] = make()
        noise[name].name = f"noise_{name.lower()}"
        inputs[name] = keras.Input(shape, name=name)
        y = call(noise[name], inputs[name])
        outputs.append(keras.layers.Flatten()(y))
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(outputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, noise


def losses_of_all():
    """Those of each epoch of a new model, from a seed."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    model, _ = model_of_all()
    x, y = data_of_all(), np.ones((8, 1))
    return model.fit(x, y, batch_size=4, epochs=3, verbose=0).history["loss"]

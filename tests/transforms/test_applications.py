"""Architectures that others built: three small ones; the soak tries all."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

applications = keras.applications


def inputs():
    x = 255 * np.random.default_rng(1).random((4, 32, 32, 3))
    return x.astype("float32")


def outputs(model):
    return model.predict(inputs(), verbose=0)


def settle(model):
    """Gives normalizations statistics under which samples stay apart."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.beta.assign(0.3 * random.normal(size=tuple(layer.beta.shape)))
    model(inputs(), training=True)


def zero_filters(model):
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = ops.convert_to_numpy(layer.kernel).copy()
            kernel[..., random.random(kernel.shape[-1]) < 1 / 3] = 0.0
            layer.kernel.assign(kernel)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (applications.MobileNet, {"alpha": 0.25}),
        (applications.MobileNetV2, {"alpha": 0.35}),
        (applications.MobileNetV3Small, {"alpha": 0.75}),
    ],
)
@pytest.mark.backends("tensorflow", "torch")  # JAX compiles for a minute
def test_outputs_stay_the_same(make, arguments):
    model = make(
        weights=None,
        input_shape=(32, 32, 3),
        classes=7,
        classifier_activation=None,
        **arguments,
    )
    settle(model)
    before = outputs(model)
    new = kreg.regularize(model, kernel=kreg.regularizers.L2(1e-4), dropout=0.1)
    scale = np.abs(before).max()
    np.testing.assert_allclose(outputs(new), before, atol=1e-6 * scale)
    rates = [s for path, s in kreg.strengths(new).items() if "rate" in path]
    assert len(rates) > 10
    zero_filters(model)
    before = outputs(model)
    small, report = kreg.compact(model, report=True)
    scale = np.abs(before).max()
    np.testing.assert_allclose(outputs(small), before, atol=1e-5 * scale)
    assert np.ptp(before, axis=0).max() > 1e-3 * scale  # samples differ
    assert report.after.parameters < 0.8 * report.before.parameters

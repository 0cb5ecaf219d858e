"""MixUp and CutMix in `fit`: images and labels are mixed alike."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

CLASSES = 6
mixers = pytest.mark.parametrize(
    "cls", [kreg.layers.ScheduledMixUp, kreg.layers.ScheduledCutMix]
)


def data(samples=12, side=8):
    """Images that are their label in every place."""
    y = np.eye(CLASSES, dtype="float32")[np.arange(samples) % CLASSES]
    return np.tile(y[:, None, None, :], (1, side, side, 1)), y


def mixed(mixing, **arguments):
    """Predicts the share of each class in the image, and does not learn."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, CLASSES)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(CLASSES, kernel_initializer="identity"),
        ]
    )
    wrapped = kreg.models.Mixed(model, mixing)
    wrapped.compile(
        keras.optimizers.SGD(0.0),
        "mse",
        metrics=["mean_squared_error", "categorical_accuracy"],
        **arguments,
    )
    return wrapped


@mixers
def test_labels_are_mixed_as_the_images_in_the_compiled_step(cls):
    x, y = data()
    model = mixed(cls(seed=1))
    unmixed = array(model(x, training=True))
    assert np.abs(unmixed - y).max() > 0.05  # the images were mixed
    logs = model.fit(x, y, batch_size=5, epochs=2, verbose=0).history
    # Blended images have the shares of their labels to rounding; the sides of
    # a box are whole numbers, so pasted ones have them nearly.
    limit = 1e-12 if cls is kreg.layers.ScheduledMixUp else 1e-2
    assert max(logs["loss"]) < limit
    np.testing.assert_allclose(
        logs["loss"], logs["mean_squared_error"], rtol=1e-4, atol=1e-12
    )
    assert model.mixing.step == 1 + 6
    wrong = model.compute_loss(
        x, y, ops.convert_to_tensor(unmixed), training=True
    )
    assert float(wrong) > 2 * limit


@mixers
def test_nothing_is_mixed_at_inference(cls, tmp_path):
    x, y = data()
    model = mixed(cls(0.5, schedule=kreg.schedules.Ramp(10), seed=1))
    model.fit(x, y, batch_size=4, epochs=1, verbose=0, validation_data=(x, y))
    np.testing.assert_allclose(model.predict(x, verbose=0), y, atol=1e-6)
    assert model.evaluate(x, y, verbose=0)[0] < 1e-12
    assert list(kreg.strengths(model)) == ["mixing/rate"]
    assert model.mixing.step == 3
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.mixing.step == 3
    loaded.fit(x, y, batch_size=4, epochs=1, verbose=0)
    assert loaded.mixing.step == 6


def test_what_cannot_be_mixed_is_refused():
    x, y = data()
    model = mixed(kreg.layers.ScheduledMixUp())
    with pytest.raises(ValueError, match="Expected one-hot or soft labels"):
        model.train_on_batch(x, y.argmax(1))
    with pytest.raises(ValueError, match="Expected a batch of images"):
        model(x[0], training=True)
    with pytest.raises(TypeError, match="`mixing`. Expected a kreg.layers"):
        kreg.models.Mixed(model, keras.layers.MixUp())


def array(x):
    return np.array(ops.convert_to_numpy(x))

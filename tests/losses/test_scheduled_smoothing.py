"""Label smoothing whose Strength is held by a layer of the model."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from kreg.losses import (
    SmoothedCategoricalCrossentropy,
    SmoothedSparseCategoricalCrossentropy,
)

CLASSES = 5


def data():
    random = np.random.default_rng(3)
    x = random.normal(size=(8, CLASSES)).astype("float32")
    return x, random.integers(0, CLASSES, 8)


def model_with(dense=False, value=0.4, schedule=None):
    """The logits are the inputs: the loss shows the smoothing alone."""
    layer = kreg.layers.ScheduledLabelSmoothing(
        value, schedule=schedule, name="smoothing"
    )
    kernel = keras.layers.Dense(
        CLASSES, kernel_initializer="identity", name="dense"
    )
    model = keras.Sequential([keras.Input((CLASSES,)), kernel, layer])
    cls = (
        SmoothedCategoricalCrossentropy
        if dense
        else SmoothedSparseCategoricalCrossentropy
    )
    model.compile(keras.optimizers.SGD(0.0), cls(layer, from_logits=True))
    return model


def expected(x, y, smoothing):
    twin = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing
    )
    return pytest.approx(float(twin(np.eye(CLASSES)[y], x)), rel=1e-5)


@pytest.mark.parametrize("dense", [False, True])
def test_follows_the_schedule_in_the_compiled_step(dense):
    x, y = data()
    given = np.eye(CLASSES, dtype="float32")[y] if dense else y
    model = model_with(dense, schedule=kreg.schedules.Ramp(steps=4))
    for step in range(6):
        loss = model.train_on_batch(x, given)
        assert float(loss) == expected(x, y, 0.4 * min(step / 4, 1.0))
    assert model.evaluate(x, given, verbose=0) == expected(x, y, 0.4)


def test_is_assigned_in_the_midst_of_fit():
    x, y = data()
    model = model_with()
    assert list(kreg.strengths(model)) == ["smoothing/label_smoothing"]
    assign = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: kreg.set_strengths(
            model, {"smoothing/label_smoothing": 0.1 * epoch}
        )
    )
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[assign])
    for epoch, loss in enumerate(history.history["loss"]):
        assert loss == expected(x, y, 0.1 * epoch)


def test_goes_on_after_loading(tmp_path):
    x, y = data()
    model = model_with(schedule=kreg.schedules.Ramp(steps=4))
    model.train_on_batch(x, y)
    model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("smoothing").step == 2
    for step in (2, 3, 4):
        assert float(loaded.train_on_batch(x, y)) == expected(x, y, 0.1 * step)
    assert model.get_layer("smoothing").step == 2


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_soft_labels_cost_what_they_cost_in_keras(smoothing):
    x, _ = data()
    soft = np.random.default_rng(4).dirichlet(np.ones(CLASSES), 8)
    twin = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None
    )
    loss = SmoothedCategoricalCrossentropy(
        smoothing, from_logits=True, reduction=None
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(loss(soft, x)),
        ops.convert_to_numpy(twin(soft, x)),
        rtol=2e-6,
    )


def test_a_layer_that_no_model_has_called_is_refused():
    x, y = data()
    loss = SmoothedSparseCategoricalCrossentropy("nobody", from_logits=True)
    with pytest.raises(RuntimeError, match="Put the layer into the model"):
        loss(y, x)

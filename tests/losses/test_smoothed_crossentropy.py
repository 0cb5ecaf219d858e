import json

import keras
import numpy as np
import pytest
from keras import ops

from kreg.losses import SmoothedSparseCategoricalCrossentropy


def draw(shape=(16,), classes=5):
    random = np.random.default_rng(2)
    labels = random.integers(0, classes, shape)
    logits = random.normal(size=(*shape, classes)).astype("float32")
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return labels, logits, probabilities


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("shape", [(16,), (4, 3)])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
def test_equals_the_categorical_loss(smoothing, from_logits, shape, reduction):
    labels, logits, probabilities = draw(shape)
    predictions = logits if from_logits else probabilities
    weights = np.linspace(0.0, 2.0, labels.size).reshape(shape)
    options = {"from_logits": from_logits, "reduction": reduction}
    loss = SmoothedSparseCategoricalCrossentropy(smoothing, **options)
    twin = keras.losses.CategoricalCrossentropy(
        label_smoothing=smoothing, **options
    )
    expected = twin(np.eye(5)[labels], predictions, weights)
    for given in (labels, labels[..., None]):
        np.testing.assert_allclose(
            ops.convert_to_numpy(loss(given, predictions, weights)),
            ops.convert_to_numpy(expected),
            rtol=2e-6,
            atol=1e-7,
        )


def test_equals_the_formula():
    labels, _, p = draw()
    own = -np.log(p[np.arange(16), labels])
    expected = np.mean(0.8 * own + 0.2 * np.mean(-np.log(p), axis=-1))
    loss = SmoothedSparseCategoricalCrossentropy(0.2)
    assert float(loss(labels, p)) == pytest.approx(expected, rel=1e-5)


def test_takes_lists():
    _, _, p = draw((2,))
    loss = SmoothedSparseCategoricalCrossentropy(0.2)
    assert float(loss([3, 1], p.tolist())) == pytest.approx(
        float(loss(np.array([3, 1]), p))
    )


def test_classes_on_another_axis():
    labels, logits, _ = draw((4, 3, 2))
    plain = SmoothedSparseCategoricalCrossentropy(0.2, from_logits=True)
    first = SmoothedSparseCategoricalCrossentropy(0.2, from_logits=True, axis=1)
    assert float(first(labels, np.moveaxis(logits, -1, 1))) == pytest.approx(
        float(plain(labels, logits)), rel=1e-6
    )


def test_trains_and_is_saved_with_the_model(tmp_path):
    labels, logits, _ = draw((64,))
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5)])
    loss = SmoothedSparseCategoricalCrossentropy(0.2, from_logits=True)
    model.compile("sgd", loss)
    history = model.fit(logits, labels, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    assert loaded.evaluate(logits, labels, verbose=0) == pytest.approx(
        model.evaluate(logits, labels, verbose=0)
    )


def test_config_goes_through_json():
    loss = SmoothedSparseCategoricalCrossentropy(
        0.3, from_logits=True, reduction="sum", axis=1, name="x"
    )
    config = json.loads(json.dumps(loss.get_config()))
    again = SmoothedSparseCategoricalCrossentropy.from_config(config)
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), True, ""])
def test_smoothing_out_of_range_is_refused(bad):
    with pytest.raises(ValueError, match=r"`label_smoothing`. Expected a floa"):
        SmoothedSparseCategoricalCrossentropy(bad)

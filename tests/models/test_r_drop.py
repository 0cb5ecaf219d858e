"""R-Drop against its formula, worked out from the predictions themselves."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

ALPHA = 0.7


def array(x):
    return np.array(ops.convert_to_numpy(x))


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(12, 5)).astype("float32")
    weights = random.uniform(size=12).astype("float32")
    return x, random.integers(0, 3, 12), weights


def r_drop(from_logits=True, schedule=None, rate=0.5, **arguments):
    """Does not learn, so that two of them have the same weights and masks."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            kreg.layers.ScheduledDropout(rate, seed=3, name="drop"),
            keras.layers.Dense(
                3, activation=None if from_logits else "softmax", name="dense"
            ),
        ]
    )
    wrapped = kreg.models.RDrop(model, ALPHA, from_logits, schedule)
    wrapped.compile(
        keras.optimizers.SGD(0.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy"],
        **arguments,
    )
    return wrapped


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def terms(predictions, y):
    """The cross-entropy and the divergence of each sample, as in the paper."""
    p, q = np.split(predictions.astype("float64"), 2)
    own = np.take_along_axis(p, y[..., None], -1)[..., 0]
    other = np.take_along_axis(q, y[..., None], -1)[..., 0]
    divergence = (p * np.log(p / q)).sum(-1) + (q * np.log(q / p)).sum(-1)
    return -(np.log(own) + np.log(other)) / 2, divergence / 2


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_loss_is_that_of_the_paper(from_logits, weighted):
    x, y, weights = data()
    if not weighted:
        weights = None
    predictions = array(r_drop(from_logits)(x, training=True))
    assert predictions.shape == (24, 3)
    if from_logits:
        predictions = softmax(predictions)
    entropy, divergence = terms(predictions, y)
    assert divergence.min() > 0
    expected = entropy + ALPHA * divergence
    if weighted:
        expected = expected * weights
    logs = r_drop(from_logits).train_on_batch(
        x, y, sample_weight=weights, return_dict=True
    )
    assert logs["loss"] == pytest.approx(expected.mean(), rel=1e-5)
    first = predictions[:12].argmax(-1)
    assert logs["accuracy"] == pytest.approx((first == y).mean())


def test_masked_steps_of_a_sequence_do_not_count():
    x = np.array([[1, 2, 0, 0], [3, 4, 1, 2]])
    y = np.array([[0, 1, 2, 2], [1, 1, 0, 2]])

    def make():
        keras.utils.set_random_seed(2)
        model = keras.Sequential(
            [
                keras.layers.Embedding(5, 4, mask_zero=True),
                kreg.layers.ScheduledDropout(0.5, seed=1),
                keras.layers.Dense(3),
            ]
        )
        wrapped = kreg.models.RDrop(model, ALPHA, from_logits=True)
        wrapped.compile(
            keras.optimizers.SGD(0.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        wrapped(x)
        return wrapped

    entropy, divergence = terms(softmax(array(make()(x, training=True))), y)
    expected = (entropy + ALPHA * divergence)[x > 0].mean()
    assert make().train_on_batch(x, y) == pytest.approx(expected, rel=1e-5)


def test_follows_its_schedule_and_is_not_in_val_loss(tmp_path):
    x, y, _ = data()
    inner = r_drop().model
    inner.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    clean = inner.evaluate(x, y, verbose=0)
    model, plain = r_drop(schedule=kreg.schedules.Ramp(steps=2)), r_drop()
    plain.alpha = 0.0
    full = r_drop()
    for level in (0.0, 0.5, 1.0, 1.0):
        some, none, all_ = (
            float(m.train_on_batch(x, y, return_dict=True)["loss"])
            for m in (model, plain, full)
        )
        assert some - none == pytest.approx(level * (all_ - none), abs=1e-5)
        assert all_ > none
    assert model.step == 4
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(clean, rel=1e-5)
    assert model.step == 4
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.step == 4
    assert list(kreg.strengths(loaded)) == ["alpha", "model/drop/rate"]
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.model.predict(x, verbose=0)
    )


@pytest.mark.backends("tensorflow", "jax")
def test_runs_under_xla_with_a_batch_of_any_size():
    x, y, _ = data()
    model = r_drop(jit_compile=True)
    model.fit(x, y, batch_size=5, epochs=2, verbose=0)
    assert model.step == 6


def test_agreement_is_learned():
    x, y, _ = data()
    divergences = []
    for alpha in (0.0, 5.0):
        model = r_drop()
        model.alpha = alpha
        model.optimizer.learning_rate = 0.05
        model.fit(x, y, batch_size=12, epochs=30, verbose=0)
        many = array(model(np.tile(x, (50, 1)), training=True))
        divergences.append(terms(softmax(many), np.tile(y, 50))[1].mean())
    assert divergences[1] < 0.7 * divergences[0]


def test_only_models_are_taken():
    with pytest.raises(TypeError, match="Expected a Keras 3 layer or model"):
        kreg.models.RDrop("model")

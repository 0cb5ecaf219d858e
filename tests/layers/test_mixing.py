"""Mixing of images and labels: what is mixed, with what, and how often."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

SAMPLES = 1000
mixers = pytest.mark.parametrize(
    "cls", [kreg.layers.ScheduledMixUp, kreg.layers.ScheduledCutMix]
)


def array(x):
    return np.array(ops.convert_to_numpy(x))


def mixed(layer, side=4):
    """Images, and what each is made of: labels that name the samples."""
    x = np.random.default_rng(0).uniform(size=(SAMPLES, side, side, 1))
    x = x.astype("float32")
    batch = {"images": x, "labels": np.eye(SAMPLES, dtype="float32")}
    outputs = layer(batch, training=True)
    return x, array(outputs["images"]), array(outputs["labels"])


def test_mix_up_blends_images_as_it_blends_labels():
    layer = kreg.layers.ScheduledMixUp(1.0, alpha=1.0, seed=1)
    x, images, weights = mixed(layer)
    np.testing.assert_allclose(images, np.tensordot(weights, x, 1), atol=1e-6)
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-6)
    # Beta(1, 1) is uniform, so the smaller weight of a pair is 1/4 on average
    # and deviates by 1 / sqrt(48).
    smaller = 1.0 - weights.max(1)
    assert abs(smaller.mean() - 0.25) < 5 / np.sqrt(48 * SAMPLES)


def test_cut_mix_takes_as_much_of_a_label_as_of_the_image():
    layer = kreg.layers.ScheduledCutMix(1.0, seed=1)
    x, images, weights = mixed(layer, side=16)
    own = np.diag(weights)
    kept = (images == x).mean((1, 2, 3))
    pasted = (own > 0.2) & (own < 0.8)
    assert pasted.sum() > SAMPLES / 10
    # A side of the box is a whole number of places, the label is not.
    assert np.abs(kept - own)[pasted].max() < 2 / 16
    assert abs((kept - own)[pasted].mean()) < 0.01
    for number in np.flatnonzero(pasted)[:20]:
        others = np.flatnonzero(weights[number] > 1e-3)
        from_others = x[others[others != number]]
        ours = images[number] == x[number]
        assert np.all(ours | (images[number] == from_others[0]))


@mixers
def test_share_of_mixed_samples_is_the_rate(cls):
    layer = cls(0.4, schedule=kreg.schedules.Ramp(steps=2), seed=1)
    for expected in (0.0, 0.2, 0.4):
        _, _, weights = mixed(layer)
        share = (np.diag(weights) < 1.0).mean()
        error = np.sqrt(max(expected * (1 - expected), 1e-9) / SAMPLES)
        # A sample may be paired with itself, or not noticeably blended.
        assert -0.15 * expected < share - expected + 5 * error
        assert share - expected < 5 * error
    assert layer.step == 3


@mixers
def test_labels_are_left_alone_at_inference(cls):
    labels = np.eye(6, dtype="float32")
    images = np.ones((6, 4, 4, 1), "float32")
    outputs = cls()({"images": images, "labels": labels}, training=False)
    np.testing.assert_array_equal(array(outputs["labels"]), labels)


@mixers
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("labels", np.zeros(2), r"labels of shape \(batch_size, classes\)"),
        ("labels", np.zeros((2, 3), "int32"), "dense tensor of floats"),
        ("images", np.zeros((2, 4)), "a batch of images, of rank 4"),
        ("images", np.zeros((2, 4, 4, 1), "uint8"), "dense tensor of floats"),
        ("other", np.zeros((2, 3)), 'a dict of "images" and "labels"'),
    ],
)
def test_what_cannot_be_mixed_is_refused(cls, name, value, sentence):
    batch = {"images": np.zeros((2, 4, 4, 1)), "labels": np.zeros((2, 3))}
    for training in (False, True):
        with pytest.raises(ValueError, match=sentence):
            cls()({**batch, name: value}, training=training)


@mixers
def test_labels_keep_their_precision(cls):
    batch = {"images": np.ones((4, 4, 4, 1), "float32"), "labels": np.eye(4)}
    batch["labels"] = ops.cast(batch["labels"], "float32")
    batch["images"] = ops.cast(batch["images"], "bfloat16")
    outputs = cls(dtype="mixed_bfloat16")(batch, training=True)
    kinds = {
        k: keras.backend.standardize_dtype(v.dtype) for k, v in outputs.items()
    }
    assert kinds == {"images": "bfloat16", "labels": "float32"}

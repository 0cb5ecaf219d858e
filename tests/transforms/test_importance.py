import keras
import numpy as np
import pytest
from keras import ops

import kreg

layers = keras.layers


def kernel_of(model, name):
    return ops.convert_to_numpy(model.get_layer(name).kernel)


def test_norms_of_a_first_layer_by_hand():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    model.set_weights([np.array([[3.0, 4.0], [0.0, 2.0]]), np.ones(2)])
    np.testing.assert_allclose(kreg.importance(model), [5.0, 2.0])
    group = kreg.importance(model, norm="group")
    np.testing.assert_allclose(group, np.sqrt(2.0) * np.array([5.0, 2.0]))
    x = np.array([[0.0, 1.0], [2.0, 1.0]])  # standard deviations 1 and 0
    np.testing.assert_allclose(kreg.importance(model, x), [5.0, 0.0])


def test_it_has_the_shape_of_one_sample():
    model = keras.Sequential(
        [keras.Input((4, 3)), layers.Flatten(), layers.Dense(5, name="d")]
    )
    found = kreg.importance(model)
    expected = np.linalg.norm(kernel_of(model, "d"), axis=1).reshape(4, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_normalization_before_it_counts():
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 3)) * [1.0, 10.0, 100.0]
    normalize = layers.Normalization()
    normalize.adapt(x)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            normalize,
            kreg.layers.ScheduledDropout(0.1),
            layers.Rescaling(2.0),
            layers.Dense(4, name="d"),
        ]
    )
    expected = 2.0 * np.linalg.norm(kernel_of(model, "d"), axis=1)
    np.testing.assert_allclose(kreg.importance(model, x), expected, rtol=1e-4)


def test_gates_and_batch_normalization_before_it_count():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            kreg.layers.FeatureGate(name="gate"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(4, name="d"),
        ]
    )
    gate, norm = model.get_layer("gate"), model.get_layer("norm")
    gate.log_alpha.assign([9.0, 0.0, -9.0])  # open, half open, closed
    norm.gamma.assign([1.0, 3.0, 1.0])
    norm.moving_variance.assign([4.0 - norm.epsilon] * 3)
    scale = np.array([1.0, 0.5 * 3.0, 0.0]) / 2.0
    expected = scale * np.linalg.norm(kernel_of(model, "d"), axis=1)
    np.testing.assert_allclose(kreg.importance(model), expected, rtol=1e-5)


def test_several_inputs_branches_and_nested_models():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="d")])
    both = layers.Concatenate()([a, b])
    outputs = [inner(both), layers.Dense(2, name="e")(b)]
    model = keras.Model([a, b], outputs)
    found = kreg.importance(model)
    first = np.square(kernel_of(inner, "d")).sum(axis=1)
    second = np.square(kernel_of(model, "e")).sum(axis=1)
    np.testing.assert_allclose(found["a"], np.sqrt(first[:2]), rtol=1e-6)
    expected = np.sqrt(first[2:] + second)
    np.testing.assert_allclose(found["b"], expected, rtol=1e-6)
    x = {"a": np.eye(4)[:, :2], "b": np.zeros((4, 3))}
    scaled = kreg.importance(model, x)
    np.testing.assert_allclose(scaled["b"], 0.0)
    np.testing.assert_allclose(
        kreg.importance(model, [x["a"], x["b"]])["a"], scaled["a"]
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(4, 3),
        lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2),
        lambda: layers.DepthwiseConv2D(3),
    ],
)
def test_convolutions_have_one_norm_for_each_channel(make):
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), layers.ZeroPadding2D(1), make()]
    )
    found = kreg.importance(model)
    x = np.zeros((3, 6, 6, 3), "float32")  # a pulse in each channel
    x[np.arange(3), 2, 2, np.arange(3)] = 1.0
    response = ops.convert_to_numpy(model(x))  # the kernel, read off
    expected = np.sqrt(np.square(response).sum(axis=(1, 2, 3)))
    assert found.shape == (6, 6, 3)
    np.testing.assert_allclose(found[2, 2], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"norm": "l1"},
            "Invalid value for argument `norm`. Expected 'l2' or 'group'. "
            "Received: norm='l1' (of type str)",
        ),
        (
            {"x": np.zeros((4, 3))},
            "Invalid value for argument `x`. Expected finite values of shape "
            "(samples, *(2,)). Received: x=(4, 3) (of type tuple)",
        ),
        (
            {"x": np.zeros((0, 2))},
            "Invalid value for argument `x`. Expected finite values of shape "
            "(samples, *(2,)). Received: x=(0, 2) (of type tuple)",
        ),
        (
            {"x": np.full((4, 2), "high")},
            "Invalid value for argument `x`. Expected an array of numbers. ",
        ),
        (
            {"x": np.full((4, 2), np.nan)},
            "Invalid value for argument `x`. Expected finite values of shape",
        ),
    ],
)
def test_bad_input(arguments, sentence):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="Invalid") as caught:
        kreg.importance(model, **arguments)
    assert str(caught.value).startswith(sentence)


def test_time_steps_share_their_layers():
    steps = layers.TimeDistributed(layers.Dense(5), name="steps")
    model = keras.Sequential([keras.Input((4, 3)), steps])
    norms = np.linalg.norm(ops.convert_to_numpy(steps.layer.kernel), axis=1)
    expected = np.tile(norms, (4, 1))
    np.testing.assert_allclose(kreg.importance(model), expected, rtol=1e-6)
    inner = keras.Sequential([keras.Input((3, 2)), layers.Flatten()])
    inner.add(layers.Dense(2))
    model = keras.Sequential([keras.Input((4, 3, 2))])
    model.add(layers.TimeDistributed(inner, name="steps"))
    with pytest.raises(ValueError, match="layer 'steps' of type"):
        kreg.importance(model)


def test_models_that_have_no_features():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Embedding(5, 2, name="words")]
    )
    with pytest.raises(ValueError, match="layer 'words' of type Embedding"):
        kreg.importance(model)
    with pytest.raises(ValueError, match="Expected a built model"):
        kreg.importance(keras.Sequential([layers.Dense(2)]))

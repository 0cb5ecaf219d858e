"""Each noise layer against its twin in Keras.

Statistics are held to 5 standard errors: a right layer fails one such check
in 1.7 million.
"""

import keras
import numpy as np
import pytest
from keras import ops

from kreg import layers as L

# ours, Keras's, shape of the inputs, draws that are independent
TWINS = {
    "dropout": (L.ScheduledDropout, keras.layers.Dropout, (300, 400)),
    "spatial_1d": (
        L.ScheduledSpatialDropout1D,
        keras.layers.SpatialDropout1D,
        (300, 3, 400),
    ),
    "spatial_2d": (
        L.ScheduledSpatialDropout2D,
        keras.layers.SpatialDropout2D,
        (300, 2, 3, 400),
    ),
    "spatial_3d": (
        L.ScheduledSpatialDropout3D,
        keras.layers.SpatialDropout3D,
        (300, 2, 1, 3, 400),
    ),
    "alpha": (L.ScheduledAlphaDropout, keras.layers.AlphaDropout, (300, 400)),
    "gaussian_dropout": (
        L.ScheduledGaussianDropout,
        keras.layers.GaussianDropout,
        (300, 400),
    ),
    "gaussian_noise": (
        L.ScheduledGaussianNoise,
        keras.layers.GaussianNoise,
        (300, 400),
    ),
}
DRAWS = 300 * 400
# What draws the very numbers that its twin draws, and where.
SAME_NUMBERS = {
    "tensorflow": {
        "spatial_1d",
        "spatial_2d",
        "spatial_3d",
        "alpha",
        "gaussian_dropout",
        "gaussian_noise",
    },
    "jax": {"alpha", "gaussian_dropout", "gaussian_noise"},
    "torch": {"alpha", "gaussian_dropout", "gaussian_noise"},
}[keras.backend.backend()]
twins = pytest.mark.parametrize("name", TWINS)


def call(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


def normal(shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@twins
@pytest.mark.parametrize("rate", [0.07, 0.5, 0.9])
def test_equal_mean_variance_and_zero_pattern(name, rate):
    ours, theirs, shape = TWINS[name]
    x = np.full(shape, 2.0, "float32")
    a = call(ours(rate, seed=11), x)
    b = call(theirs(rate, seed=12), x)
    # One value per independent draw: spatial masks repeat along the middle.
    middle = tuple(range(1, len(shape) - 1))
    np.testing.assert_array_equal(a.min(axis=middle), a.max(axis=middle))
    a, b = (y.max(axis=middle).astype("float64") for y in (a, b))
    error = np.sqrt(a.var() / DRAWS + b.var() / DRAWS)
    assert abs(a.mean() - b.mean()) < 5 * error
    fourth = np.mean((a - a.mean()) ** 4) - a.var() ** 2
    assert abs(a.var() - b.var()) < 5 * np.sqrt(2 * fourth / DRAWS) + 1e-6
    if "gaussian" not in name:
        np.testing.assert_allclose(np.unique(a), np.unique(b), rtol=1e-4)
        dropped = a.min() == a
        share_error = np.sqrt(rate * (1 - rate) / DRAWS)
        assert abs(dropped.mean() - rate) < 5 * share_error
        # Rows and columns: each mask entry is drawn on its own.
        for axis, n in ((0, 300), (1, 400)):
            shares = dropped.mean(axis=axis)
            spread = np.sqrt(rate * (1 - rate) / n)
            assert abs(shares.std() / spread - 1) < 5 / np.sqrt(2 * 300)


@pytest.mark.parametrize("name", sorted(SAME_NUMBERS))
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_same_numbers_from_the_same_seed(name, rate):
    ours, theirs, shape = TWINS[name]
    x = normal(shape)
    for _ in range(2):  # the second call of each, too
        a, b = ours(rate, seed=3), theirs(rate, seed=3)
        call(a, x), call(b, x)
        np.testing.assert_allclose(call(a, x), call(b, x), rtol=2e-6, atol=2e-6)
    if rate == 0.5 and "spatial" in name:  # the scale is exact
        np.testing.assert_array_equal(call(a, x), call(b, x))


@twins
def test_strength_zero_is_exactly_the_identity(name):
    ours, _, shape = TWINS[name]
    x = normal(shape)
    if name == "alpha":
        np.testing.assert_allclose(call(ours(0.0), x), x, rtol=1e-6)
    else:
        np.testing.assert_array_equal(call(ours(0.0), x), x)


@pytest.mark.parametrize("name", ["dropout", "spatial_2d", "alpha"])
def test_rate_one_drops_everything(name):
    ours, _, shape = TWINS[name]
    np.testing.assert_array_equal(call(ours(1.0), normal(shape)), 0.0)


@pytest.mark.parametrize("name", ["spatial_2d", "spatial_3d"])
def test_channels_first(name):
    ours, _, shape = TWINS[name]
    shape = (shape[0], shape[-1], *shape[1:-1])
    layer = ours(0.5, data_format="channels_first")
    y = call(layer, np.ones(shape, "float32"))
    maps = y.reshape(*shape[:2], -1)
    np.testing.assert_array_equal(maps.min(-1), maps.max(-1))
    assert 0.4 < (maps[..., 0] == 0).mean() < 0.6


def test_alpha_dropout_keeps_mean_and_variance():
    y = call(L.ScheduledAlphaDropout(0.3), normal((1000, 400)))
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02


def test_drop_path_drops_samples_and_keeps_the_expectation():
    y = call(L.DropPath(0.2), np.ones((4000, 3, 2), "float32"))
    np.testing.assert_array_equal(y.min((1, 2)), y.max((1, 2)))
    np.testing.assert_allclose(np.unique(y), [0.0, 1.25])
    share = (y[:, 0, 0] == 0).mean()
    assert abs(share - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 4000)


def test_linear_rule():
    assert L.DropPath.linear_rates(0.5, 5) == [0.1, 0.2, 0.3, 0.4, 0.5]
    with pytest.raises(ValueError, match="`depth`. Expected a positive int"):
        L.DropPath.linear_rates(0.5, 0)
    with pytest.raises(ValueError, match="`rate`. Expected a float in"):
        L.DropPath.linear_rates(1.5, 2)

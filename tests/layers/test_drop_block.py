"""DropBlock against its paper, written out with loops."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from kreg.layers import DropBlock2D


def dropped(layer, shape):
    x = np.ones(shape, "float32")
    return ops.convert_to_numpy(layer(x, training=True)) == 0


def expected_share(rate, size, height, width):
    """The probability that each place is dropped, from gamma as it stands."""
    gamma = rate / size**2 * height * width
    gamma /= (height - size + 1) * (width - size + 1)
    covering = np.zeros((height, width))
    for row in range(height - size + 1):
        for column in range(width - size + 1):
            covering[row : row + size, column : column + size] += 1
    return 1 - (1 - gamma) ** covering


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("sides", [(9, 9), (5, 12)])
def test_each_place_is_dropped_as_often_as_gamma_says(size, sides):
    maps = 20000
    mask = dropped(DropBlock2D(0.3, size, seed=1), (maps // 50, *sides, 50))
    share = mask.mean(axis=(0, 3))
    expected = expected_share(0.3, size, *sides)
    error = np.sqrt(expected * (1 - expected) / maps)
    # 5.5 standard errors; at most 81 places: one failure in 300,000
    assert (np.abs(share - expected) / error).max() < 5.5


def test_all_that_is_dropped_lies_in_whole_blocks():
    size = 3
    mask = dropped(DropBlock2D(0.2, size, seed=2), (40, 8, 7, 5))
    mask = np.moveaxis(mask, 3, 1).reshape(-1, 8, 7)
    assert mask.any()
    for one in mask:
        covered = np.zeros_like(one)
        for row in range(8 - size + 1):
            for column in range(7 - size + 1):
                block = np.s_[row : row + size, column : column + size]
                covered[block] |= one[block].all()
        np.testing.assert_array_equal(one, covered)


def test_what_is_kept_is_scaled_by_the_share_that_is():
    layer = DropBlock2D(0.3, 3, seed=1)
    y = ops.convert_to_numpy(
        layer(np.full((8, 9, 9, 6), 2.0, "float32"), training=True)
    )
    share_kept = (y != 0).mean()
    np.testing.assert_allclose(np.unique(y), [0, 2 / share_kept], rtol=1e-5)
    assert y.mean() == pytest.approx(2.0, rel=1e-5)


def test_channels_first_is_the_same_mask_turned():
    last = dropped(DropBlock2D(0.3, 3, seed=4), (6, 8, 7, 5))
    first = dropped(DropBlock2D(0.3, 3, "channels_first", seed=4), (6, 5, 8, 7))
    np.testing.assert_array_equal(np.moveaxis(last, 3, 1), first)


def test_rate_rises_linearly_with_a_ramp():
    layer = DropBlock2D(0.4, 2, seed=1, schedule=kreg.schedules.Ramp(steps=4))
    shares = [dropped(layer, (50, 8, 8, 20)).mean() for _ in range(6)]
    expected = [
        expected_share(0.4 * min(step / 4, 1), 2, 8, 8).mean()
        for step in range(6)
    ]
    np.testing.assert_allclose(shares, expected, atol=0.01)
    assert shares[0] == 0


def test_rate_one_and_a_block_as_large_as_the_map():
    assert dropped(DropBlock2D(1.0, 1), (2, 4, 4, 3)).all()
    mask = dropped(DropBlock2D(0.5, 4, seed=1), (20, 4, 4, 30))
    assert 0.4 < mask.mean() < 0.6
    np.testing.assert_array_equal(mask.min((1, 2)), mask.max((1, 2)))


def test_a_block_larger_than_the_map_is_refused():
    sentence = "Expected at most the side of the feature map, 7. Received: "
    with pytest.raises(ValueError, match=sentence):
        DropBlock2D(0.1, 8)(keras.Input((7, None, 3)))
    with pytest.raises(ValueError, match=sentence):
        DropBlock2D(0.1, 8)(np.ones((1, 9, 7, 3), "float32"))

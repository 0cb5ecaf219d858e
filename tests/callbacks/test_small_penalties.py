"""The quick way to a penalty is worth what the penalty itself says."""

import keras
import numpy as np
import pytest

import kreg
from kreg.callbacks import _small_penalties
from kreg.callbacks._penalties import penalty_in_losses
from kreg.callbacks._small_penalties import small_penalties

ours, theirs = kreg.regularizers, keras.regularizers


def layer_with(regularizer, shape=(7, 5), dtype=None):
    layer = keras.layers.Dense(
        shape[1], kernel_regularizer=regularizer, dtype=dtype
    )
    layer.build((None, shape[0]))
    return layer


@pytest.mark.parametrize(
    "regularizer",
    [
        lambda: theirs.L1(0.3),
        lambda: theirs.L2(0.2),
        lambda: theirs.L1L2(0.3, 0.2),
        lambda: ours.L1(0.3),
        lambda: ours.L2(0.2),
        lambda: ours.L1L2(0.3, 0.2),
        lambda: ours.ElasticNet(0.3, 0.2),
    ],
)
def test_it_is_what_keras_computes(regularizer):
    layer = layer_with(regularizer())
    total, rest = small_penalties([layer.kernel])
    assert not rest
    assert total == pytest.approx(float(layer.losses[0]), rel=1e-5)


def test_a_strength_that_changed_counts_at_once():
    layer = layer_with(ours.L2(0.2))
    before, _ = small_penalties([layer.kernel])
    layer.kernel_regularizer.l2 = 0.6
    after, _ = small_penalties([layer.kernel])
    assert after == pytest.approx(3 * before, rel=1e-5)


def test_a_schedule_counts():
    layer = layer_with(ours.L2(0.2))
    whole, _ = small_penalties([layer.kernel])
    strength = layer.kernel_regularizer.l2
    strength.schedule = lambda step: keras.ops.cast(0.25, "float32")
    strength._step = lambda: keras.ops.convert_to_tensor(3)
    part, _ = small_penalties([layer.kernel])
    assert part == pytest.approx(whole / 4, rel=1e-5)


class Twice(theirs.L2):
    def __call__(self, x):
        return 2 * super().__call__(x)


@pytest.mark.parametrize(
    "regularizer",
    [Twice(0.1), ours.GroupLasso(0.1), ours.L1(0.1, weights=np.eye(7, 5))],
    ids=["derived", "group", "weights"],
)
def test_other_penalties_are_left_over_and_counted(regularizer):
    layer = layer_with(regularizer)
    total, rest = small_penalties([layer.kernel])
    assert total == 0.0
    assert len(rest) == 1
    expected = float(layer.losses[0])
    assert expected > 0
    assert penalty_in_losses(layer) == pytest.approx(expected, rel=1e-6)


def test_large_weights_and_other_dtypes_are_left_over(monkeypatch):
    half = layer_with(theirs.L2(0.1), dtype="bfloat16")
    assert small_penalties([half.kernel])[1]
    layer = layer_with(theirs.L2(0.1))
    monkeypatch.setattr(_small_penalties, "LARGEST", 7 * 5)
    assert not small_penalties([layer.kernel])[1]
    monkeypatch.setattr(_small_penalties, "LARGEST", 7 * 5 - 1)
    assert small_penalties([layer.kernel])[1]


def test_weights_that_diverged_are_worth_no_number():
    layer = layer_with(ours.L2(0.1))
    layer.kernel.assign(np.full((7, 5), np.nan, "float32"))
    assert np.isnan(penalty_in_losses(layer))

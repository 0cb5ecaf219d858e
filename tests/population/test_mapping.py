"""A loop over the trials does what `jax.vmap` does."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.backends("jax")


def test_looped_is_vmap():
    import jax

    from kreg.population._mapping_jax import looped

    random = np.random.default_rng(0)
    weights = [random.normal(size=(3, 4, 2)), random.normal(size=(3, 2))]
    shared, x = random.normal(size=(2,)), random.normal(size=(5, 4))

    def one(model, index):
        (kernel, bias), counts = model
        counts = {"calls": counts["calls"] + 1}
        return x @ kernel + bias * index, counts

    arguments = (weights, {"calls": shared}), np.arange(3.0)
    axes = {"in_axes": ((0, None), 0), "out_axes": (0, None)}
    wanted = jax.vmap(one, **axes)(*arguments)
    for found, expected in zip(
        jax.tree.leaves(looped(one, **axes)(*arguments)),
        jax.tree.leaves(wanted),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_convolutions_are_looped_on_a_cpu():
    import jax

    from kreg.population._mapping_jax import looped, mapping_for

    inner = keras.Sequential([keras.layers.Conv1D(2, 3)])
    assert mapping_for(keras.Sequential([inner])) is looped
    assert mapping_for(keras.Sequential([keras.layers.LSTM(2)])) is jax.vmap

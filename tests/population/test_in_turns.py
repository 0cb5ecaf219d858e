"""Trials in turns become what they become mapped."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.backends("jax")


@pytest.fixture
def parts():
    """Weights of three trials, counts that they share, and a constant."""
    random = np.random.default_rng(0)
    weights = [random.normal(size=(3, 4, 2)), random.normal(size=(3, 2))]
    return (weights, {"calls": np.zeros(2)}), random.normal(size=(3,))


def one(carry, factor, data, rows):
    (kernel, bias), counts = carry
    moved = data[rows].sum(0)[:, None] * factor
    return [kernel + moved, bias * factor], {"calls": counts["calls"] + 1}


AXES = (0, None)


@pytest.mark.parametrize("own_data", [False, True])
def test_batches_are_those_of_vmap(parts, own_data):
    import jax

    from kreg.population._in_turns_jax import InTurns

    data = jax.numpy.asarray(np.random.default_rng(1).normal(size=(9, 4)))
    batches = [np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([8])]
    if own_data:
        batches = [np.stack([b, b[::-1], b * 0]) for b in batches]
    mapped = jax.vmap(
        one, in_axes=(AXES, 0, None, 0 if own_data else None), out_axes=AXES
    )
    expected, factor = parts
    for batch in batches:
        expected = mapped(expected, factor, data, batch)
    turns = InTurns(one, 3, (AXES, 0), AXES)
    used = jax.tree.map(jax.numpy.asarray, parts)
    seen = [np.asarray(leaf) for leaf in jax.tree.leaves(used)]
    before = [np.array(leaf) for leaf in seen]
    found = turns.batches(used, data, batches, own_data)
    for a, b in zip(
        jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    # What somebody looked at before stays as it was.
    for a, b in zip(seen, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_is_vmap(parts):
    import jax

    from kreg.population._in_turns_jax import InTurns

    def predict(carry, factor, x):
        (kernel, bias), _ = carry
        return {"y": (x @ kernel + bias) * factor}

    x = np.ones((5, 4))
    found = InTurns(predict, 3, (AXES, 0), 0).each(parts, x)
    expected = jax.vmap(predict, in_axes=(AXES, 0, None))(*parts, x)
    np.testing.assert_allclose(found["y"], expected["y"], rtol=1e-5)


def test_who_takes_turns():
    from kreg.population._in_turns_jax import pays_for

    layers = keras.layers

    def model(*parts):
        return keras.Sequential([keras.Input((400, 600)), *parts])

    assert pays_for(model(keras.Sequential([layers.Conv1D(2, 3)])))
    assert pays_for(model(layers.Dense(400)))
    assert not pays_for(model(layers.Dense(300)))
    assert not pays_for(model(layers.LSTM(200)))

"""The prox of many weights at once is that of each."""

import numpy as np
import pytest
from keras import ops

import kreg
from kreg.regularizers import _alike

R = kreg.regularizers
SHAPES = [(4, 6), (2, 6), (4, 6), (4, 3, 2), (4, 6), (2, 6)]


@pytest.fixture
def weights():
    random = np.random.default_rng(0)
    return [random.normal(size=s).astype("float32") for s in SHAPES]


@pytest.mark.parametrize(
    "penalty",
    [
        lambda: R.GroupLasso(0.3),
        lambda: R.GroupLasso(0.3, group_axis=-1, group_size=2),
        lambda: R.SparseGroupLasso(0.1, 0.2),
    ],
)
@pytest.mark.parametrize("are_arrays", [False, True])
@pytest.mark.parametrize("small", [2**16, 20, 1])
def test_weights_of_one_shape_are_stacked(
    penalty, are_arrays, small, weights, monkeypatch
):
    monkeypatch.setattr(_alike, "_SMALL", small)
    random = np.random.default_rng(1)
    steps = [
        random.uniform(0.1, 2.0, w.shape if are_arrays else ()).astype(
            "float32"
        )
        for w in weights
    ]
    held = penalty()
    together = held.proxes(weights, steps)
    for u, w, step in zip(together, weights, steps, strict=True):
        alone = ops.convert_to_numpy(held.prox(w, step))
        np.testing.assert_allclose(
            ops.convert_to_numpy(u), alone, rtol=1e-5, atol=1e-7
        )
        assert np.any(alone)


def test_what_is_stacked():
    arrays = [np.zeros(shape, "float32") for shape in SHAPES]
    assert _alike.alike(arrays) == [[0, 2, 4], [1, 5], [3]]
    large = [np.zeros((300, 300)), np.zeros((300, 300)), np.zeros(2)]
    assert _alike.alike(large) == [[0], [1], [2]]
    types = [np.zeros(2, "float32"), np.zeros(2, "float16")]
    assert _alike.alike(types) == [[0], [1]]

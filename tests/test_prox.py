"""Every proximal operator against a numerical minimiser, and its identities."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import optimize

import kreg
from tests.backends import gradient

R = kreg.regularizers

SCALAR = {
    "L1": lambda: R.L1(0.4),
    "L1 weights": lambda: R.L1(0.4, weights=[[0.0, 1.0, 3.0]]),
    "L2": lambda: R.L2(0.4),
    "L2 weights": lambda: R.L2(0.4, weights=[[0.0, 1.0, 3.0]]),
    "L1L2": lambda: R.L1L2(0.3, 0.2),
    "ElasticNet": lambda: R.ElasticNet(0.3, 0.2),
    "GroupLasso rows": lambda: R.GroupLasso(0.3),
    "GroupLasso columns": lambda: R.GroupLasso(0.2, -1, scale=False),
    "GroupLasso blocks": lambda: R.GroupLasso(0.2, 0, group_size=2),
    "SparseGroupLasso": lambda: R.SparseGroupLasso(0.2, 0.2, 0, 2),
    "Sum": lambda: R.Sum([R.L1(0.1), R.L2(0.3), R.GroupLasso(0.2)]),
    "Sum of weights": lambda: R.Sum(
        [R.L1L2(0.1, 0.1), R.Sum([R.L2(0.3, weights=[[0.5, 1.0, 2.0]])])]
    ),
    "Sum nuclear": lambda: R.Sum([R.L2(0.2), R.NuclearNorm(0.3)]),
    "NuclearNorm": lambda: R.NuclearNorm(0.4),
    "SpectralNorm": lambda: R.SpectralNorm(0.9),
}
ARRAY = {k: make for k, make in SCALAR.items() if make().prox_steps == "array"}
SEEDS = range(4)


def weight(seed, shape=(4, 3)):
    return np.random.default_rng(seed).normal(size=shape)


def prox(penalty, w, step):
    return ops.convert_to_numpy(penalty.prox(w.astype("float32"), step))


def singular(w):
    return np.linalg.svd(w, compute_uv=False)


def value(name, w):
    """The penalty in float64, by NumPy alone."""
    rows = np.linalg.norm(w, axis=1).sum()
    columns = np.linalg.norm(w, axis=0).sum()
    blocks = np.linalg.norm(w.reshape(2, 6), axis=1).sum()
    squares = np.sum(w**2)
    each = {
        "L1": 0.4 * np.abs(w).sum(),
        "L1 weights": 0.4 * np.sum([0.0, 1.0, 3.0] * np.abs(w)),
        "L2": 0.4 * squares,
        "L2 weights": 0.4 * np.sum([0.0, 1.0, 3.0] * w**2),
        "L1L2": 0.3 * np.abs(w).sum() + 0.2 * squares,
        "ElasticNet": 0.3 * np.abs(w).sum() + 0.2 * squares,
        "GroupLasso rows": 0.3 * np.sqrt(3) * rows,
        "GroupLasso columns": 0.2 * columns,
        "GroupLasso blocks": 0.2 * np.sqrt(6) * blocks,
        "SparseGroupLasso": 0.2 * np.abs(w).sum() + 0.2 * np.sqrt(6) * blocks,
        "Sum": 0.1 * np.abs(w).sum() + 0.3 * squares + 0.2 * np.sqrt(3) * rows,
        "Sum of weights": 0.1 * np.abs(w).sum()
        + 0.1 * squares
        + 0.3 * np.sum([0.5, 1.0, 2.0] * w**2),
    }
    if name in each:
        return each[name]
    s = singular(w)
    return {
        "Sum nuclear": 0.2 * squares + 0.3 * s.sum(),
        "NuclearNorm": 0.4 * s.sum(),
        "SpectralNorm": 0.9 * s.max(),
    }[name]


def objective(name, u, w, step):
    return value(name, u) + np.sum((u - w) ** 2 / (2 * step))


def minimum(name, w, step, ours):
    """The least objective that scipy finds, from `w` and from `ours`."""

    def f(u):
        return objective(name, u.reshape(w.shape), w, step)

    return min(
        optimize.minimize(
            f, start.ravel(), method="Powell", options={"maxiter": 6}
        ).fun
        for start in (w, ours)
    )


def test_value_is_the_formula():
    for name in SCALAR:
        w = weight(0)
        ours = float(SCALAR[name]()(w.astype("float32")))
        assert ours == pytest.approx(value(name, w), rel=1e-5)


def test_prox_minimizes():
    for name in SCALAR:
        for seed, step in ((0, 0.3), (1, 1.0)):
            w = weight(seed)
            u = prox(SCALAR[name](), w, step).astype("float64")
            ours = objective(name, u, w, step)
            assert ours <= minimum(name, w, step, u) + 1e-6


def test_prox_minimizes_with_a_step_for_each_weight():
    for name in ARRAY:
        for seed in SEEDS[:2]:
            w = weight(seed)
            step = 10 ** np.random.default_rng(seed).uniform(-2, 1, w.shape)
            u = prox(SCALAR[name](), w, step.astype("float32")).astype(
                "float64"
            )
            ours = objective(name, u, w, step)
            assert ours <= minimum(name, w, step, u) + 1e-6


def test_equal_steps_are_one_step():
    for name in ARRAY:
        w = weight(3)
        steps = np.full(w.shape, 0.3, "float32")
        penalty = SCALAR[name]()
        np.testing.assert_allclose(
            prox(penalty, w, steps), prox(penalty, w, 0.3), atol=2e-6
        )


def test_prox_is_nonexpansive_and_keeps_zero():
    for name in SCALAR:
        penalty = SCALAR[name]()
        for seed in SEEDS:
            a, b = weight(seed), weight(seed + 10)
            apart = np.linalg.norm(
                prox(penalty, a, 0.7) - prox(penalty, b, 0.7)
            )
            assert apart <= np.linalg.norm(a - b) * (1 + 1e-6)
        zero = np.zeros((4, 3))
        assert not np.any(prox(penalty, zero, 0.7))
        if penalty.prox_steps == "array":
            assert not np.any(
                prox(penalty, zero, np.full((4, 3), 0.7, "float32"))
            )


def test_prox_at_the_ends():
    for name in SCALAR:
        for step in (0.0, 1e-8, 1e8):
            w = weight(5)
            u = prox(SCALAR[name](), w, step)
            assert np.all(np.isfinite(u))
            if step < 1:
                np.testing.assert_allclose(u, w, atol=1e-5)


DUALS = {
    "L1": lambda v: np.abs(v).max() / 0.4,
    "GroupLasso rows": lambda v: (
        np.linalg.norm(v, axis=1).max() / 0.3 / np.sqrt(3)
    ),
    "GroupLasso blocks": lambda v: (
        np.linalg.norm(v.reshape(2, 6), axis=1).max() / 0.2 / np.sqrt(6)
    ),
    "NuclearNorm": lambda v: singular(v).max() / 0.4,
    "SpectralNorm": lambda v: singular(v).sum() / 0.9,
}


@pytest.mark.parametrize("name", DUALS)
def test_moreau(name):
    # w = prox(w) + step * (projection of w / step on the dual unit ball): the
    # remainder has dual norm 1 where something is left, and pairs with u.
    step = 0.5
    for seed in SEEDS:
        w = weight(seed)
        u = prox(SCALAR[name](), w, step).astype("float64")
        rest = (w - u) / step
        assert DUALS[name](rest) <= 1 + 1e-4  # TensorFlow's float32 SVD
        assert np.sum(rest * u) == pytest.approx(value(name, u), rel=1e-4)


@pytest.mark.parametrize("spread", [1, 4, 8])
def test_group_prox_in_a_metric_of_any_spread(spread):
    # Zero exactly where norm(w / step) <= strength, else the stationary point.
    random = np.random.default_rng(spread)
    for size in (2, 50):
        w = random.normal(size=(200, size))
        step = 10 ** random.uniform(-spread, spread, size=w.shape)
        u = prox(R.GroupLasso(1.0, scale=False), w, step.astype("float32"))
        u = u.astype("float64")
        edge = np.linalg.norm(w / step, axis=1)
        zero = ~np.any(u, axis=1)
        assert np.array_equal(zero, edge <= 1)
        norm = np.linalg.norm(u[~zero], axis=1, keepdims=True)
        expected = w[~zero] / (1 + step[~zero] / norm)
        scale = np.linalg.norm(w[~zero], axis=1, keepdims=True)
        assert np.max(np.abs(u[~zero] - expected) / scale) < 1e-5


def test_groups_too_small_to_be_squared_are_zero():
    # What momentum leaves of a dead group's weights, step by step.
    for size in (1e-18, 1e-22, 1e-30, 1e-40):
        w = weight(0) * size
        for step in (1e-3, np.full(w.shape, 1e-3, "float32")):
            assert not np.any(prox(R.GroupLasso(0.1), w, step))
            assert not np.any(prox(R.SparseGroupLasso(0.0, 0.1), w, step))


def test_proxes_are_those_of_each_weight():
    # In one search, which goes on until the slowest group has settled.
    random = np.random.default_rng(0)
    for penalty in (R.GroupLasso(0.3), R.SparseGroupLasso(0.1, 0.2), R.L1(0.1)):
        weights = [
            random.normal(size=shape).astype("float32")
            for shape in ((4, 3), (5, 2, 2), (4, 3))
        ]
        steps = [
            (10 ** random.uniform(-spread, spread, w.shape)).astype("float32")
            for w, spread in zip(weights, (0.1, 1, 6), strict=True)
        ]
        alone = map(penalty.prox, weights, steps)
        for one, other in zip(
            alone, penalty.proxes(weights, steps), strict=True
        ):
            np.testing.assert_allclose(
                ops.convert_to_numpy(one),
                ops.convert_to_numpy(other),
                atol=2e-7,
            )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_prox_in_half_precision_is_that_in_float32(dtype):
    # 3e4: squares overflow float16. 1e-4: its thresholds would be 0 in it.
    for size, step in ((3e4, 1e3), (1.0, 0.1), (1e-4, 1e-7)):
        w = ops.cast(ops.convert_to_tensor(weight(0).clip(-2, 2) * size), dtype)
        exact = ops.cast(w, "float32")
        for name, make in SCALAR.items():
            steps = [step]
            if name in ARRAY:
                steps.append(np.full(w.shape, step, "float32"))
            for each in steps:
                found = make().prox(w, each)
                assert keras.backend.standardize_dtype(found.dtype) == dtype
                np.testing.assert_array_equal(
                    ops.convert_to_numpy(ops.cast(found, "float32")),
                    ops.convert_to_numpy(
                        ops.cast(
                            ops.cast(make().prox(exact, each), dtype), "float32"
                        )
                    ),
                    err_msg=f"{name} {size}",
                )


def test_prox_in_double_precision_has_exact_zeros_too():
    # Keras's `maximum` of float64 tensors is float32 on Torch.
    dtype = "float32" if keras.backend.backend() == "jax" else "float64"
    w = ops.convert_to_tensor(weight(0), dtype=dtype)
    values = ops.convert_to_numpy(w)
    within = {"float64": 1e-12, "float32": 1e-6}[dtype]
    strength = float(np.float32(0.7))
    steps = ops.full_like(w, 0.9)
    u = ops.convert_to_numpy(R.L1(0.7).prox(w, steps))
    expected = np.sign(values) * np.clip(np.abs(values) - 0.9 * strength, 0, 9)
    assert np.array_equal(u == 0, expected == 0)
    np.testing.assert_allclose(u, expected, atol=within)
    u = ops.convert_to_numpy(R.GroupLasso(0.7, scale=False).prox(w, steps))
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    expected = values * np.clip(1 - 0.9 * strength / norms, 0, 1)
    assert np.array_equal(u == 0, expected == 0)
    np.testing.assert_allclose(u, expected, atol=within)


def test_group_prox_keeps_shapes_of_any_rank():
    w = weight(1, (3, 3, 4, 6))
    for axis, size in ((-1, 1), (-1, 3), (2, 2), (0, 1)):
        u = prox(R.GroupLasso(0.05, axis, size), w, 0.3)
        steps = np.full(w.shape, 0.3, "float32")
        v = prox(R.GroupLasso(0.05, axis, size), w, steps)
        assert u.shape == w.shape
        np.testing.assert_allclose(u, v, atol=1e-6)


@pytest.mark.parametrize(
    "penalty",
    [
        lambda: R.Orthogonal(0.1),
        lambda: R.Hoyer(0.1),
        lambda: R.Sum([R.L1(0.1), R.NuclearNorm(0.1)]),
        lambda: R.Sum([R.GroupLasso(0.1), R.GroupLasso(0.1, 1)]),
        lambda: R.Sum([R.L1(0.1), R.Hoyer(0.1)]),
        lambda: R.Sum([R.L2(0.1, weights=[2.0]), R.SpectralNorm(0.1)]),
    ],
)
def test_no_prox_is_said_so(penalty):
    assert penalty().prox_steps is None
    with pytest.raises(NotImplementedError, match="has no proximal operator"):
        penalty().prox(weight(0), 0.1)


def test_values_of_what_has_no_prox():
    w = weight(2)
    cosines = w @ w.T / np.outer(*[np.linalg.norm(w, axis=1)] * 2)
    pairs = np.abs(cosines[np.triu_indices(4, 1)])
    value = float(R.Orthogonal(0.5)(w.astype("float32")))
    assert value == pytest.approx(0.5 * pairs.mean(), rel=1e-5)
    keras_value = keras.regularizers.OrthogonalRegularizer(0.5)(
        ops.convert_to_tensor(w.astype("float32"))
    )
    assert value == pytest.approx(float(keras_value), rel=1e-5)
    hoyer = float(R.Hoyer(0.5)(w.astype("float32")))
    ratio = np.abs(w).sum() / np.linalg.norm(w)
    assert hoyer == pytest.approx(0.5 * ratio, rel=1e-5)
    assert float(R.Hoyer(0.5)(np.zeros(3, "float32"))) == 0.0


def test_orthogonal_unfolds_convolution_kernels():
    kernel = weight(3, (2, 2, 3, 4)).astype("float32")
    columns = R.Orthogonal(1.0, mode="columns")
    assert float(columns(kernel)) == pytest.approx(
        float(columns(kernel.reshape(12, 4))), rel=1e-6
    )
    assert float(columns(kernel[..., :1])) == 0.0  # one filter, no pair


@pytest.mark.parametrize("name", ["NuclearNorm", "SpectralNorm"])
def test_gradient_of_spectral_penalties(name):
    w = weight(4)
    h = 1e-6
    numeric = np.zeros_like(w)
    for index in np.ndindex(*w.shape):
        up, down = w.copy(), w.copy()
        up[index] += h
        down[index] -= h
        numeric[index] = (value(name, up) - value(name, down)) / (2 * h)
    ours = gradient(SCALAR[name](), w.astype("float32"))
    np.testing.assert_allclose(ours, numeric, atol=1e-4)
    assert not np.any(gradient(SCALAR[name](), np.zeros((4, 3), "float32")))


@keras.saving.register_keras_serializable("kreg_tests")
def heavier_when_small(w):
    return 1.0 / (ops.abs(w) + 0.5)


def test_weights_may_be_a_registered_function(tmp_path):
    w = weight(6).astype("float32")
    penalty = R.L1(0.3, weights=heavier_when_small)
    fixed = R.L1(0.3, weights=1 / (np.abs(w) + 0.5))
    assert float(penalty(w)) == pytest.approx(float(fixed(w)), rel=1e-5)
    np.testing.assert_allclose(
        prox(penalty, w, 0.7), prox(fixed, w, 0.7), atol=1e-6
    )
    np.testing.assert_allclose(
        gradient(penalty, w), gradient(fixed, w), atol=1e-6
    )
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(penalty)
    )
    assert float(again(w)) == float(penalty(w))
    with pytest.raises(ValueError, match="registered function") as raised:
        R.L2(weights=lambda w: w).get_config()
    assert "register_keras_serializable" in str(raised.value)


def test_weights_that_do_not_fit_are_refused_in_one_line():
    narrow = R.L1(0.3, weights=lambda w: ops.ones((3,)))
    sentence = (
        r"a function that returns an array that broadcasts to the penalized "
        r"shape \(2, 2\). Received: weights='array of shape \(3,\)'"
    )
    with pytest.raises(ValueError, match=sentence):
        narrow(np.ones((2, 2), "float32"))
    with pytest.raises(ValueError, match=r"array of shape \(9, 9\) with -1.0"):
        R.L2(0.3, weights=-np.ones((9, 9)))


def test_weights_of_activities_of_unknown_batch_size():
    layer = keras.layers.Dense(
        3, activity_regularizer=R.L1(0.3, weights=[1.0, 2.0, 3.0])
    )
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)

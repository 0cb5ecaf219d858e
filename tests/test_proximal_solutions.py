"""What Proximal converges to, against solvers that are not kreg's."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn import linear_model as sk

import kreg
from tests import problems

K = keras.optimizers
Proximal = kreg.optimizers.Proximal
R = kreg.regularizers


ALPHAS = (0.6, 0.3, 0.1, 0.03)  # of the one at which all is zero


def alpha_max(x, y):
    return float(np.linalg.norm(x.T @ y, axis=1).max() / len(x))


def reference(model, x, y):
    """The rows of weights of a model of scikit-learn."""
    y = y[:, 0] if y.shape[1] == 1 else y
    fitted = model.fit(x.astype("float64"), y.astype("float64"))
    return np.atleast_2d(fitted.coef_).T


EXACT = {"fit_intercept": False, "tol": 1e-12, "max_iter": 100_000}


def lasso(alpha):
    x, y = problems.diabetes()
    model = sk.Lasso(alpha=alpha * alpha_max(x, y), **EXACT)
    return reference(model, x, y)


def check(weights, expected, error=""):
    """Rows zero where they are expected to be, and the rest to 1e-5."""
    alive = np.any(weights, axis=1)
    assert np.array_equal(alive, np.any(expected, axis=1)), error
    np.testing.assert_allclose(weights, expected, atol=1e-5, err_msg=error)


# Keras's mse has no 1/2, and is a mean over the outputs too.
GRIDS = {
    "lasso": (
        problems.diabetes,
        lambda a: sk.Lasso(a, **EXACT),
        lambda: R.L1(0.0),
        lambda a: {"l1": 2 * a},
    ),
    "elastic net": (
        problems.diabetes,
        lambda a: sk.ElasticNet(2 * a, l1_ratio=0.5, **EXACT),
        lambda: R.ElasticNet(0.0, 0.0),
        lambda a: {"l1": 2 * a, "l2": a},
    ),
    "multi-task lasso": (
        problems.digits,
        lambda a: sk.MultiTaskLasso(a, **EXACT),
        lambda: R.GroupLasso(0.0, scale=False),
        lambda a: {"strength": 2 * a / 10},
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_the_path_of_strengths_is_scikit_learns(name):
    data, model, penalty, strengths = GRIDS[name]
    x, y = data()
    alphas = [fraction * alpha_max(x, y) for fraction in ALPHAS]
    expected = [reference(model(alpha), x, y) for alpha in alphas]
    inner = K.SGD(0.2), K.Adam(0.05)
    if name == "multi-task lasso":
        inner = K.SGD(0.4, momentum=0.9), K.Adam(0.05)
    for optimizer in inner:
        found = problems.path(
            x, y, Proximal(optimizer, penalty()), map(strengths, alphas), 250
        )
        for weights, exact in zip(found, expected, strict=True):
            check(weights, exact, f"{name}, {optimizer.name}")


OPTIMIZERS = {
    "momentum": lambda: K.SGD(0.05, momentum=0.9),
    "nesterov": lambda: K.SGD(0.05, momentum=0.9, nesterov=True),
    "momentum, decaying": lambda: K.SGD(
        K.schedules.CosineDecay(0.05, 300), momentum=0.9
    ),
    "Adam, decaying": lambda: K.Adam(K.schedules.CosineDecay(0.05, 300)),
    "AMSGrad": lambda: K.Adam(0.05, amsgrad=True),
    "AdamW": lambda: K.AdamW(0.05, weight_decay=0.0),
    "Nadam": lambda: K.Nadam(0.05),
    "Adamax": lambda: K.Adamax(0.2),
    "Adagrad": lambda: K.Adagrad(0.5),
    "RMSprop": lambda: K.RMSprop(0.02),
    "RMSprop, momentum": lambda: K.RMSprop(0.01, momentum=0.7),
    "accumulation": lambda: K.SGD(0.3, gradient_accumulation_steps=2),
    "Adam, accumulation": lambda: K.Adam(0.05, gradient_accumulation_steps=2),
    "loss scale": lambda: K.Adam(0.05, loss_scale_factor=128.0),
}


def test_every_optimizer_in_its_own_metric():
    x, y = problems.diabetes()
    l1 = 0.6 * alpha_max(x, y)
    for name, make in OPTIMIZERS.items():
        inner = make()
        steps = 350 * (inner.gradient_accumulation_steps or 1)
        optimizer = Proximal(inner, R.L1(l1))
        check(problems.trained(x, y, optimizer, steps), lasso(0.3), name)


def test_loss_scale_optimizer_outside():
    x, y = problems.diabetes()
    inner = Proximal(K.SGD(0.2), R.L1(0.2 * alpha_max(x, y)))
    check(problems.trained(x, y, K.LossScaleOptimizer(inner), 200), lasso(0.1))


def test_a_sum_of_lasso_and_ridge_is_an_elastic_net():
    x, y = problems.diabetes()
    alpha = 0.1 * alpha_max(x, y)
    expected = reference(sk.ElasticNet(2 * alpha, l1_ratio=0.5, **EXACT), x, y)
    penalty = R.Sum([R.L1(2 * alpha), R.L2(alpha)])
    check(
        problems.trained(x, y, Proximal(K.Adam(0.05), penalty), 300), expected
    )


def test_ridge_on_diabetes():
    x, y = problems.diabetes()
    l2 = 0.2
    a = x.astype("float64")
    gram = a.T @ a / len(x) + l2 * np.eye(x.shape[1])
    expected = np.linalg.solve(gram, a.T @ y / len(x))
    for inner in (K.SGD(0.2), K.Adam(0.02)):
        coef = problems.trained(x, y, Proximal(inner, R.L2(l2)), 400)
        np.testing.assert_allclose(coef, expected, atol=1e-5)


def test_adaptive_lasso_is_a_lasso_of_scaled_inputs():
    x, y = problems.diabetes()
    factors = np.linspace(0.5, 3, x.shape[1]).astype("float32")[:, None]
    alpha = 0.1 * alpha_max(x, y)
    scaled = reference(sk.Lasso(alpha, **EXACT), x / factors.T, y)
    penalty = R.L1(2 * alpha, weights=factors)
    weights = problems.trained(x, y, Proximal(K.Adam(0.05), penalty), 400)
    check(weights, scaled / factors)


# What celer 0.7.4 (BSD-3-Clause, https://github.com/mathurinm/celer) finds for
# `GroupLasso(groups=2, alpha=0.25 * sqrt(2) / 2, tol=1e-12,
# fit_intercept=False)` on the same standardized data (scikit-learn's), with a
# dual gap of 6e-15. Its loss has a 1/2 and its norms no factor.
CELERS = np.array(
    [0, 0, 0.25176285, 0.14736082, 0, 0]
    + [-0.03124163, 0.02387175, 0.17264254, 0.0655845]
)


def test_groups_of_inputs_are_celers_and_satisfy_the_conditions_of_a_minimum():
    # Of mean(square(x w - y)) + strength * sum sqrt(2) * norm(w_g).
    x, y = problems.diabetes()
    strength = 0.25
    penalty = R.GroupLasso(strength, group_size=2)
    for inner in (K.SGD(0.2), K.Adam(0.05)):
        coef = problems.trained(x, y, Proximal(inner, penalty), 400)
        check(coef, CELERS[:, None])
        gradient = 2 * x.T @ (x @ coef.astype("float64") - y) / len(x)
        groups, slopes = coef.reshape(5, 2), gradient.reshape(5, 2)
        norms = np.linalg.norm(groups, axis=1)
        assert 0 < np.count_nonzero(norms) < 5
        limit = strength * np.sqrt(2)
        for group, slope, norm in zip(groups, slopes, norms, strict=True):
            if norm == 0:
                assert np.linalg.norm(slope) <= limit + 1e-5
            else:
                np.testing.assert_allclose(
                    slope, -limit * group / norm, atol=1e-5
                )


def logistic_objective(x, y, coef, bias, l1):
    margin = (2 * y - 1) * (x.astype("float64") @ coef + bias)
    return np.logaddexp(0, -margin).mean() + l1 * np.abs(coef).sum()


def test_l1_logistic_regression_on_breast_cancer():
    x, y = problems.cancer()
    c = 0.1  # liblinear: C * sum of losses + l1 norm, bias penalized
    reference = sk.LogisticRegression(
        l1_ratio=1,
        C=c,
        solver="liblinear",
        tol=1e-8,
        max_iter=10_000,
        intercept_scaling=1e4,
    )
    reference.fit(x.astype("float64"), y[:, 0])
    l1 = 1 / (c * len(x))
    expected = logistic_objective(
        x, y, reference.coef_.T, reference.intercept_, l1
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    for inner in (K.SGD(0.1), K.Adam(0.05)):
        optimizer = Proximal(inner, R.L1(l1))
        model = problems.linear_model(x, y, optimizer, loss, use_bias=True)
        model.fit(x, y, batch_size=64, epochs=5, verbose=0)
        Proximal.polish(model, x, y, steps=1500)
        coef, bias = (ops.convert_to_numpy(w) for w in model.layers[-1].weights)
        ours = logistic_objective(x, y, coef.astype("float64"), bias, l1)
        assert ours == pytest.approx(expected, abs=1e-5)
        assert np.array_equal(coef[:, 0] != 0, reference.coef_[0] != 0)
        assert bias[0] != 0


def test_minibatches_and_polish_reach_the_support():
    x, y = problems.diabetes()
    for alpha, inner in zip(
        ALPHAS,
        (K.SGD(0.05), K.Adam(0.02), K.SGD(0.05), K.Adam(0.02)),
        strict=True,
    ):
        optimizer = Proximal(inner, R.L1(2 * alpha * alpha_max(x, y)))
        model = problems.linear_model(x, y, optimizer)
        model.fit(x, y, batch_size=32, epochs=5, verbose=0)
        assert Proximal.polish(model, x, y, steps=1000) <= 1e-6
        check(problems.kernel(model), lasso(alpha))


def test_polish_is_exact_where_the_loss_is_flat():
    # Neighbouring inputs correlate at 0.99: a gradient of 1e-6 is a weight's
    # 1e-4, and a step from it is less than a weight's rounding.
    random = np.random.default_rng(1)
    apart = np.abs(np.subtract.outer(range(60), range(60)))
    x = random.multivariate_normal(np.zeros(60), 0.99**apart, 200)
    y = x[:, :5] @ [3, -2, 1.5, 1, -1] + random.normal(size=200)
    x, y = problems.standardized(x), problems.standardized(y[:, None])
    alpha = 0.1 * alpha_max(x, y)
    expected = reference(sk.Lasso(alpha=alpha, **EXACT), x, y)
    model = problems.linear_model(
        x, y, Proximal(K.SGD(0.01), R.L1(2 * float(alpha)))
    )
    Proximal.polish(model, x, y)
    check(problems.kernel(model), expected)


def test_polish_keeps_to_constraints():
    x, y = problems.diabetes()
    alpha = 0.05 * alpha_max(x, y)
    expected = reference(sk.Lasso(alpha=alpha, positive=True, **EXACT), x, y)
    assert np.all(expected >= 0)
    assert 0 < np.sum(expected > 0) < len(expected)
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dense(
                1, kernel_constraint="non_neg", bias_constraint="non_neg"
            ),
        ]
    )
    model.compile(Proximal(K.SGD(0.01), R.L1(2 * float(alpha))), "mse")
    Proximal.polish(model, x, y - 10)  # a bias of -10 would be best
    check(problems.kernel(model), expected)
    assert ops.convert_to_numpy(model.layers[0].bias) == [0]


def test_polish_keeps_to_constraints_of_weights_that_it_does_not_penalize():
    x, y = problems.digits()
    hidden = keras.layers.Dense(
        8, activation="relu", kernel_constraint=keras.constraints.MaxNorm(0.1)
    )
    top = keras.layers.Dense(10, name="top")
    model = keras.Sequential([keras.Input((x.shape[1],)), hidden, top])
    model.compile(Proximal(K.SGD(0.01), R.L1(1e-3), only="top"), "mse")
    Proximal.polish(model, x, y, steps=20)
    kernel = ops.convert_to_numpy(hidden.kernel)
    assert np.max(np.linalg.norm(kernel, axis=0)) == pytest.approx(0.1, 1e-4)


def test_polish_refuses_data_that_it_cannot_use():
    x, y = problems.diabetes()
    model = problems.linear_model(x, y, Proximal(K.SGD(0.01), R.L1(0.1)))
    before = problems.kernel(model).copy()
    for bad_x, bad_y, message in (
        (x * np.nan, y, "a finite gradient"),
        (x, y[:5], "as many samples as `y` has"),
        (x, None, "as many samples as `y` has"),
        (list(x[:, 0]), y, "as many samples as `y` has"),
        (x[:0], y[:0], "at least one sample"),
        (
            x[:, :3],
            y,
            r"`x`. Expected inputs of the model, which are of shape "
            r"\(None, 10\). Received: x of shape \(442, 3\) and dtype float32",
        ),
        ([x, x], y, r"Received: x of shape \(442, 10\) and dtype float32, "),
        (
            x,
            np.full(len(x), "high"),
            r"`y`. Expected targets that the loss takes beside outputs of "
            r"shape \(None, 1\). Received: y of shape \(442,\)",
        ),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            Proximal.polish(model, bad_x, bad_y)
        assert "\n" not in str(caught.value)
        np.testing.assert_array_equal(problems.kernel(model), before)


def test_polish_refuses_a_model_without_weights():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(Proximal("sgd", R.L1(0.1)), "mse")
    with pytest.raises(ValueError, match="`model`. Expected a built model"):
        Proximal.polish(model, np.ones((4, 2)), np.ones((4, 1)))


def test_polish_lowers_the_objective_of_a_network():
    x, y = problems.digits()
    optimizer = Proximal(K.Adam(0.01), R.GroupLasso(2e-3))
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=100, epochs=2, verbose=0)

    def objective():
        return model.evaluate(x, y, verbose=0) + float(
            optimizer.current_penalty()
        )

    before = objective()
    seen = [ops.convert_to_numpy(w) for w in model.non_trainable_weights]
    Proximal.polish(model, x, y, steps=20)
    assert objective() < before
    for old, new in zip(seen, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="compiled with kreg"):
        Proximal.polish(model, x, y)

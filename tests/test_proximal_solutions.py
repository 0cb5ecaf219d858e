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


def lasso_alpha_max(x, y):
    return float(np.abs(x.T @ y).max() / len(x))


def lasso(alpha):
    x, y = problems.diabetes()
    reference = sk.Lasso(
        alpha=alpha * lasso_alpha_max(x, y),
        fit_intercept=False,
        tol=1e-12,
        max_iter=100_000,
    )
    return reference.fit(x.astype("float64"), y.astype("float64")).coef_


@pytest.mark.parametrize(
    ("alpha", "steps"), [(0.03, 1000), (0.1, 600), (0.3, 300), (0.6, 300)]
)
def test_lasso_on_diabetes(alpha, steps):
    x, y = problems.diabetes()
    expected = lasso(alpha)
    l1 = 2 * alpha * lasso_alpha_max(x, y)  # Keras's mse has no 1/2
    for inner in (K.SGD(0.1), K.Adam(0.02)):
        coef = problems.trained(x, y, Proximal(inner, R.L1(l1)), steps)[:, 0]
        assert np.array_equal(coef != 0, expected != 0)
        np.testing.assert_allclose(coef, expected, atol=1e-5)


OPTIMIZERS = {
    "momentum": lambda: K.SGD(0.02, momentum=0.9),
    "nesterov": lambda: K.SGD(0.02, momentum=0.9, nesterov=True),
    "momentum, decaying": lambda: K.SGD(
        K.schedules.CosineDecay(0.02, 500), momentum=0.9
    ),
    "Adam, decaying": lambda: K.Adam(K.schedules.CosineDecay(0.05, 500)),
    "AMSGrad": lambda: K.Adam(0.02, amsgrad=True),
    "AdamW": lambda: K.AdamW(0.02, weight_decay=0.0),
    "Nadam": lambda: K.Nadam(0.02),
    "Adamax": lambda: K.Adamax(0.05),
    "Adagrad": lambda: K.Adagrad(0.3),
    "RMSprop": lambda: K.RMSprop(0.01),
    "RMSprop, momentum": lambda: K.RMSprop(0.004, momentum=0.7),
    "accumulation": lambda: K.SGD(0.2, gradient_accumulation_steps=2),
    "Adam, accumulation": lambda: K.Adam(0.06, gradient_accumulation_steps=2),
    "loss scale": lambda: K.Adam(0.02, loss_scale_factor=128.0),
}


def test_every_optimizer_in_its_own_metric():
    x, y = problems.diabetes()
    expected = lasso(0.3)
    l1 = 0.6 * lasso_alpha_max(x, y)
    for name, make in OPTIMIZERS.items():
        optimizer = Proximal(make(), R.L1(l1))
        coef = problems.trained(x, y, optimizer, 500)[:, 0]
        assert np.array_equal(coef != 0, expected != 0), name
        np.testing.assert_allclose(coef, expected, atol=1e-5, err_msg=name)


def test_loss_scale_optimizer_outside():
    x, y = problems.diabetes()
    inner = Proximal(K.SGD(0.1), R.L1(0.2 * lasso_alpha_max(x, y)))
    coef = problems.trained(x, y, K.LossScaleOptimizer(inner), 300)[:, 0]
    assert np.array_equal(coef != 0, lasso(0.1) != 0)
    np.testing.assert_allclose(coef, lasso(0.1), atol=1e-5)


def test_elastic_net_on_diabetes():
    x, y = problems.diabetes()
    alpha, ratio = 0.2 * lasso_alpha_max(x, y), 0.5
    reference = sk.ElasticNet(
        alpha=alpha, l1_ratio=ratio, fit_intercept=False, tol=1e-12
    )
    expected = reference.fit(
        x.astype("float64"), y[:, 0].astype("float64")
    ).coef_
    penalties = (
        lambda: R.ElasticNet(2 * alpha * ratio, alpha * (1 - ratio)),
        lambda: R.Sum([R.L1(2 * alpha * ratio), R.L2(alpha * (1 - ratio))]),
    )
    for inner, penalty in zip(
        (K.SGD(0.1), K.Adam(0.02)), penalties, strict=True
    ):
        coef = problems.trained(x, y, Proximal(inner, penalty()), 800)[:, 0]
        assert np.array_equal(coef != 0, expected != 0)
        np.testing.assert_allclose(coef, expected, atol=1e-5)


def test_ridge_on_diabetes():
    x, y = problems.diabetes()
    l2 = 0.2
    a = x.astype("float64")
    gram = a.T @ a / len(x) + l2 * np.eye(x.shape[1])
    expected = np.linalg.solve(gram, a.T @ y / len(x))
    for inner in (K.SGD(0.2), K.Adam(0.02)):
        coef = problems.trained(x, y, Proximal(inner, R.L2(l2)), 600)
        np.testing.assert_allclose(coef, expected, atol=1e-5)


def test_adaptive_lasso_is_a_lasso_of_scaled_inputs():
    x, y = problems.diabetes()
    factors = np.linspace(0.5, 3, x.shape[1]).astype("float32")[:, None]
    alpha = 0.1 * lasso_alpha_max(x, y)
    scaled = sk.Lasso(alpha=alpha, fit_intercept=False, tol=1e-12)
    scaled.fit((x / factors.T).astype("float64"), y.astype("float64"))
    expected = scaled.coef_ / factors[:, 0]
    penalty = R.L1(2 * alpha, weights=factors)
    coef = problems.trained(x, y, Proximal(K.Adam(0.02), penalty), 1000)[:, 0]
    assert np.array_equal(coef != 0, expected != 0)
    np.testing.assert_allclose(coef, expected, atol=1e-5)


def test_rows_of_digits_are_a_multi_task_lasso():
    x, y = problems.digits()
    alpha_max = np.linalg.norm(x.T @ y, axis=1).max() / len(x)
    alpha = 0.3 * alpha_max
    reference = sk.MultiTaskLasso(alpha=alpha, fit_intercept=False, tol=1e-10)
    expected = reference.fit(x.astype("float64"), y.astype("float64")).coef_.T
    strength = 2 * alpha / y.shape[1]  # Keras's mse is a mean over outputs
    for inner in (K.SGD(0.3, momentum=0.8), K.Adam(0.02)):
        penalty = R.GroupLasso(strength, scale=False)
        coef = problems.trained(x, y, Proximal(inner, penalty), 400)
        assert np.array_equal(np.any(coef, axis=1), np.any(expected, axis=1))
        assert not np.all(np.any(coef, axis=1))
        np.testing.assert_allclose(coef, expected, atol=1e-5)


def test_groups_of_inputs_satisfy_the_conditions_of_a_minimum():
    # Of mean(square(x w - y)) + strength * sum sqrt(2) * norm(w_g).
    x, y = problems.diabetes()
    strength = 0.25
    penalty = R.GroupLasso(strength, group_size=2)
    for inner in (K.SGD(0.1), K.Adam(0.02)):
        coef = problems.trained(x, y, Proximal(inner, penalty), 800)
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
    model = problems.linear_model(
        x, y, Proximal(K.Adam(0.05), R.L1(l1)), loss, use_bias=True
    )
    model.fit(x, y, batch_size=64, epochs=5, verbose=0)
    Proximal.polish(model, x, y, steps=1500)
    coef, bias = (ops.convert_to_numpy(w) for w in model.layers[-1].weights)
    ours = logistic_objective(x, y, coef.astype("float64"), bias, l1)
    assert ours == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(coef[:, 0] != 0, reference.coef_[0] != 0)
    assert bias[0] != 0


def test_minibatches_and_polish_reach_the_support():
    x, y = problems.diabetes()
    for alpha in (0.03, 0.3):
        for inner in (K.SGD(0.05), K.Adam(0.02)):
            optimizer = Proximal(inner, R.L1(2 * alpha * lasso_alpha_max(x, y)))
            model = problems.linear_model(x, y, optimizer)
            model.fit(x, y, batch_size=32, epochs=5, verbose=0)
            residual = Proximal.polish(model, x, y, steps=1000)
            coef = problems.kernel(model)[:, 0]
            assert residual <= 1e-6
            assert np.array_equal(coef != 0, lasso(alpha) != 0)
            np.testing.assert_allclose(coef, lasso(alpha), atol=1e-5)


def test_polish_lowers_the_objective_of_a_network():
    x, y = problems.digits()
    optimizer = Proximal(K.Adam(0.005), R.GroupLasso(2e-3))
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
    model.fit(x, y, batch_size=256, epochs=2, verbose=0)

    def objective():
        return model.evaluate(x, y, verbose=0) + float(
            optimizer.current_penalty()
        )

    before = objective()
    seen = [ops.convert_to_numpy(w) for w in model.non_trainable_weights]
    Proximal.polish(model, x, y, steps=40)
    assert objective() < before
    for old, new in zip(seen, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="compiled with kreg"):
        Proximal.polish(model, x, y)

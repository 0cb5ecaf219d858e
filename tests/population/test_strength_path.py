"""The regularization path, against scikit-learn's and a closed form."""

import keras
import numpy as np
import pytest
from sklearn import linear_model as sk

import kreg
from kreg.population import strength_path
from tests import problems
from tests.population import zoo

MAPPED = pytest.mark.backends("tensorflow", "jax")


def test_the_path_of_the_lasso():
    x, y = problems.diabetes()
    alphas = np.abs(x.T @ y).max() / len(x) * np.geomspace(1.02, 0.05, 6)
    _, expected, _ = sk.lasso_path(
        x.astype("float64"), y[:, 0].astype("float64"), alphas=alphas
    )
    penalty = kreg.regularizers.L1(0.0)
    optimizer = kreg.optimizers.Proximal(keras.optimizers.SGD(0.1), penalty)
    model = problems.linear_model(x, y, optimizer)
    before = model.get_weights()
    path = strength_path(
        model,
        2 * alphas[::-1],  # Keras's mse has no 1/2
        problems.FullBatches(x, y, 400),
        validation_data=(x, y),
    )
    np.testing.assert_allclose(path.values, 2 * alphas, rtol=1e-6)
    coefficients = path.coefficients["dense/kernel"]
    np.testing.assert_allclose(coefficients, expected.T, atol=1e-4)
    np.testing.assert_array_equal(path.nonzeros, (expected != 0).sum(0))
    residuals = y - x @ coefficients.T
    np.testing.assert_allclose(
        path.val_loss, np.mean(residuals**2, 0), rtol=1e-4
    )
    assert path.best == len(alphas) - 1  # of the training data itself
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@MAPPED
@pytest.mark.parametrize("warm_start", [True, False])
def test_the_path_of_ridge_regression(warm_start):
    x, y = problems.diabetes()
    strengths = [0.1, 3.0, 0.5]
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dense(
                1,
                use_bias=False,
                kernel_regularizer=keras.regularizers.L2(0.5),
                name="dense",
            ),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    path = strength_path(
        model,
        strengths,
        problems.FullBatches(x, y, 300),
        warm_start=warm_start,
    )
    gram, target = x.T @ x / len(x), x.T @ y / len(x)
    for index, strength in enumerate([3.0, 0.5, 0.1]):
        solution = np.linalg.solve(gram + strength * np.eye(len(gram)), target)
        np.testing.assert_allclose(
            path.coefficients["dense/kernel"][index], solution[:, 0], atol=2e-3
        )
    assert np.isnan(path.val_loss).all()
    assert model.layers[0].kernel_regularizer.l2 == 0.5


@MAPPED
def test_the_best_model_is_handed_out():
    x, y = zoo.data("dense")
    model = zoo.dense(l2=0.1)
    for warm_start in (True, False):
        path = strength_path(
            model,
            {"*/l2": [1e-4, 10.0], "*/l1": [0.0, 1.0]},
            x[:30],
            y[:30],
            epochs=5,
            warm_start=warm_start,
            validation_data=(x[30:], y[30:]),
        )
        assert list(path.norms) == ["dense/kernel", "dense_1/kernel"]
        assert path.norms["dense/kernel"].shape == (2, 16)
        measured = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            y[30:], path.model(x[30:])
        )
        assert float(measured) == pytest.approx(
            path.val_loss[path.best], rel=1e-4
        )


def test_the_path_is_drawn(tmp_path):
    path = kreg.population.StrengthPath(
        values=np.array([1.0, 0.1, 0.0]),
        strengths={},
        coefficients={},
        norms={"a": np.eye(3), "b": np.ones((3, 5))},
        nonzeros=np.array([1, 2, 3]),
        val_loss=np.array([0.3, 0.1, 0.2]),
        model=None,
    )
    assert path.best == 1
    file = path.plot(tmp_path / "path.png")
    assert (tmp_path / "path.png").stat().st_size > 1000
    assert file == str(tmp_path / "path.png")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "at least one value"),
        ([-1.0], "l2"),
        ({"*/l3": [0.1]}, "No strength matches"),
        ({"*/l2": [0.1], "*/l1": [0.1, 0.2]}, "equally many"),
    ],
)
def test_bad_values_are_refused(values, message):
    x, y = zoo.data("dense")
    with pytest.raises(ValueError, match=message):
        strength_path(zoo.dense(), values, x, y)


def test_a_model_without_penalties_is_refused(regression):
    x, y = regression
    model = problems.linear_model(x, y, "sgd")
    with pytest.raises(ValueError, match="a model with a penalty"):
        strength_path(model, [0.1], x, y)

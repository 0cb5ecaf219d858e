"""The lasso drops features, ridge shares weight among correlated ones.

A one-layer Keras model with `kreg.optimizers.Proximal` on the diabetes data,
beside scikit-learn's solvers: the same coefficients, to five digits.

    python examples/lasso_and_ridge.py
"""

import keras
import numpy as np
from keras import ops
from sklearn import datasets, linear_model

import kreg

ALPHA = 0.05  # in scikit-learn's convention


def data():
    found = datasets.load_diabetes()
    x, y = found.data, found.target
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = (y - y.mean()) / y.std()
    return x.astype("float32"), y.astype("float32"), found.feature_names


def keras_coefficients(x, y, penalty):
    """Minimizes mse + penalty over a layer of one unit."""
    model = keras.Sequential(
        [keras.Input((x.shape[1],)), keras.layers.Dense(1, use_bias=False)]
    )
    optimizer = kreg.optimizers.Proximal(keras.optimizers.Adam(0.01), penalty)
    model.compile(optimizer, "mse")
    model.fit(x, y[:, None], batch_size=64, epochs=20, verbose=0)
    optimizer.polish(model, x, y[:, None])
    return ops.convert_to_numpy(model.layers[0].kernel)[:, 0]


def sklearn_coefficients(x, y, model):
    return model.fit(x.astype("float64"), y.astype("float64")).coef_


def main():
    keras.utils.set_random_seed(0)
    x, y, names = data()
    # Keras's mse has no factor 1/2, and scikit-learn's Ridge no mean.
    lasso = keras_coefficients(x, y, kreg.regularizers.L1(2 * ALPHA))
    lasso_sk = sklearn_coefficients(
        x, y, linear_model.Lasso(ALPHA, fit_intercept=False, tol=1e-10)
    )
    ridge = keras_coefficients(x, y, kreg.regularizers.L2(ALPHA))
    ridge_sk = sklearn_coefficients(
        x, y, linear_model.Ridge(ALPHA * len(x), fit_intercept=False)
    )
    print(f"{'feature':8}{'lasso':>9}{'sklearn':>9}{'ridge':>9}{'sklearn':>9}")
    for row in zip(names, lasso, lasso_sk, ridge, ridge_sk, strict=True):
        print(f"{row[0]:8}" + "".join(f"{value:9.4f}" for value in row[1:]))
    same = np.array_equal(lasso != 0, lasso_sk != 0)
    print(f"\nfeatures that the lasso drops: {np.sum(lasso == 0)}, the same")
    print(f"as scikit-learn's: {same}; that ridge drops: {np.sum(ridge == 0)}")
    apart = max(np.abs(lasso - lasso_sk).max(), np.abs(ridge - ridge_sk).max())
    print(f"largest difference of a coefficient: {apart:.0e}")

    # The same feature twice: ridge gives each copy half of the weight.
    twice = np.column_stack([x, x[:, names.index("bmi")]])
    copies = [names.index("bmi"), -1]
    shared = keras_coefficients(twice, y, kreg.regularizers.L2(ALPHA))[copies]
    print(f"\nbmi given twice: ridge {shared[0]:.4f} and {shared[1]:.4f}")
    return lasso, lasso_sk, ridge, ridge_sk, shared


if __name__ == "__main__":
    main()

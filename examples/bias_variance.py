"""What regularization trades: bias, variance and noise over lambda.

Refits a ridge regression and a small network on bootstrap samples, for a
range of lambdas, and splits the expected squared error of their predictions
on unseen inputs into

    bias^2     of the mean prediction from the true function
    variance   of the predictions around their mean
    noise      of the targets, which no model can remove

The true function is known here, so the three are measured, not guessed; they
add up to the error measured on noisy targets.

    python examples/bias_variance.py [picture.png]
"""

import sys

import keras
import numpy as np

import kreg

NOISE = 0.5
LAMBDAS = np.logspace(-5, 0.5, 8)
DEGREE = 9


def true_function(x):
    return np.sin(3 * x) + 0.5 * x


def polynomial(x):
    """Columns of Legendre polynomials, which a ridge regression fits."""
    return np.polynomial.legendre.legvander(x, DEGREE)


def sample(random, size):
    x = random.uniform(-1, 1, size)
    return x, true_function(x) + NOISE * random.normal(size=size)


def ridge_predictions(x, y, new, strength):
    a = polynomial(x)
    gram = a.T @ a / len(x) + strength * np.eye(a.shape[1])
    return polynomial(new) @ np.linalg.solve(gram, a.T @ y / len(x))


class Network:
    """One network, refitted for each sample and lambda without recompiling.

    Its lambda is a Strength, so a new one is an assignment.
    """

    def __init__(self, steps):
        self.steps = steps
        self.model = keras.Sequential(
            [
                keras.Input((1,)),
                keras.layers.Dense(
                    32, "tanh", kernel_regularizer=kreg.regularizers.L2(0.0)
                ),
                keras.layers.Dense(
                    1, kernel_regularizer=kreg.regularizers.L2(0.0)
                ),
            ]
        )
        self.model.compile(keras.optimizers.Adam(0.02), "mse")
        self.model.optimizer.build(self.model.trainable_variables)
        self.start = self.model.get_weights()
        self.rest = [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in self.model.optimizer.variables
        ]

    def predictions(self, x, y, new, strength):
        """Returns what it predicts at `new` after training on `x` and `y`."""
        self.model.set_weights(self.start)
        for variable, value in zip(
            self.model.optimizer.variables, self.rest, strict=True
        ):
            variable.assign(value)
        kreg.set_strengths(self.model, {"*/l2": strength})
        batches = np.tile(x, self.steps)[:, None].astype("float32")
        targets = np.tile(y, self.steps)[:, None].astype("float32")
        self.model.fit(
            batches, targets, batch_size=len(x), shuffle=False, verbose=0
        )
        return self.model.predict_on_batch(new[:, None].astype("float32"))[:, 0]


def decompose(predictions, new, targets):
    """Returns bias^2, variance, noise and the error itself, as means.

    Args:
        predictions: Array of shape `(refits, points)`.
        new: Array of shape `(points,)`.
        targets: Array of shape `(draws, points)`: noisy targets at `new`.
    """
    truth = true_function(new)
    mean = predictions.mean(axis=0)
    error = (predictions[:, None] - targets[None]) ** 2
    return {
        "bias^2": np.mean((mean - truth) ** 2),
        "variance": np.mean(predictions.var(axis=0)),
        "noise": np.mean((targets - truth) ** 2),
        "error": np.mean(error),
    }


def study(predict, lambdas, refits, random, size=40, points=50):
    """Returns, for each lambda, the parts of the error over `refits` fits."""
    x, y = sample(random, size)
    new = np.linspace(-0.95, 0.95, points)
    targets = true_function(new) + NOISE * random.normal(size=(400, points))
    chosen = random.integers(0, size, size=(refits, size))
    parts = []
    for strength in lambdas:
        predictions = [predict(x[i], y[i], new, strength) for i in chosen]
        parts.append(decompose(np.array(predictions), new, targets))
    return parts


def draw(studies, lambdas, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(studies), figsize=(10, 4))
    for axis, (title, parts) in zip(axes, studies.items(), strict=True):
        for name in parts[0]:
            axis.plot(lambdas, [p[name] for p in parts], label=name)
        axis.set(title=title, xlabel="lambda", xscale="log", ylim=0)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def main(path="bias_variance.png", refits=30, steps=200, lambdas=LAMBDAS):
    keras.utils.set_random_seed(0)
    predictors = {
        "ridge": ridge_predictions,
        "network": Network(steps).predictions,
    }
    studies = {
        title: study(predict, lambdas, refits, np.random.default_rng(1))
        for title, predict in predictors.items()
    }
    for title, parts in studies.items():
        print(title)
        print("   lambda" + "".join(f"{name:>10}" for name in parts[0]))
        for strength, part in zip(lambdas, parts, strict=True):
            numbers = "".join(f"{value:10.4f}" for value in part.values())
            print(f"{strength:9.1e}{numbers}")
    draw(studies, lambdas, path)
    print(f"picture: {path}")
    return studies


if __name__ == "__main__":
    main(*sys.argv[1:2])

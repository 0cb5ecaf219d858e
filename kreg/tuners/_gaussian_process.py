"""A Gaussian process: what is known of a function from some of its values."""

import numpy as np
from scipy import linalg, optimize

# Bounds and starts of log length scale, in units of the side of the cube that
# the points are in, and of log noise variance, in units of the variance of y.
_LENGTH = (np.log(0.05), np.log(5.0))
_NOISE = (np.log(1e-6), np.log(0.5))
_STARTS = ((0.2, 1e-4), (0.5, 1e-2), (1.0, 1e-1))


class GaussianProcess:
    """Regression with a Matern kernel of smoothness 5/2.

    With `d` the distance between two points, each axis in units of its length
    scale, the covariance is

        (1 + sqrt(5) d + 5 d^2 / 3) * exp(-sqrt(5) d)

    of values that have been shifted and scaled to mean 0 and variance 1. The
    length scales and the variance of the noise are those of the greatest
    marginal likelihood.

    Args:
        alpha: Float > 0. The least variance of the noise.

    References:

    - [Rasmussen & Williams, 2006](http://gaussianprocess.org/gpml), chapters
      2.2, 4.2 and 5.4.
    """

    def __init__(self, alpha: float):
        self.alpha = alpha
        self.length = np.ones(1)
        self.noise = 0.0

    def tune(self, x: np.ndarray, y: np.ndarray) -> None:
        """Chooses length scales and noise by the marginal likelihood.

        Args:
            x: Array of shape `(n, dimensions)`, in the unit cube.
            y: Array of shape `(n,)`.
        """
        scaled = self._scale(y)
        dimensions = x.shape[1]
        bounds = [_LENGTH] * dimensions + [_NOISE]
        best = None
        for length, noise in _STARTS:
            start = np.log([length * np.sqrt(dimensions)] * dimensions)
            start = np.clip([*start, np.log(noise)], *np.transpose(bounds))
            found = optimize.minimize(
                _negative_log_likelihood,
                start,
                args=(x, scaled, self.alpha),
                jac=True,
                bounds=bounds,
                method="L-BFGS-B",
                options={"maxiter": 60},
            )
            if best is None or found.fun < best.fun:
                best = found
        assert best is not None
        self.length = np.exp(best.x[:-1])
        self.noise = float(np.exp(best.x[-1]))

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Takes values; length scales and noise stay as they are."""
        self._know(x, self._scale(y))

    def imagine(self, x: np.ndarray) -> None:
        """Takes what is expected at `x` for known.

        The mean stays as it is everywhere, and the uncertainty shrinks.
        """
        if len(x):
            expected = _matern(x, self._x, self.length) @ self._weights
            self._know(np.r_[self._x, x], np.r_[self._y, expected])

    def _know(self, x: np.ndarray, y: np.ndarray) -> None:
        self._x, self._y = x, y
        covariance = _matern(x, x, self.length)
        covariance[np.diag_indices_from(covariance)] += self.noise + self.alpha
        self._factor = linalg.cholesky(covariance, lower=True)
        self._weights = linalg.cho_solve((self._factor, True), y)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard deviation of the function at `x`."""
        covariance = _matern(x, self._x, self.length)
        mean = covariance @ self._weights
        half = linalg.solve_triangular(self._factor, covariance.T, lower=True)
        variance = np.maximum(1.0 - np.sum(half**2, axis=0), 1e-12)
        return mean * self._std + self._mean, np.sqrt(variance) * self._std

    def _scale(self, y: np.ndarray) -> np.ndarray:
        self._mean, self._std = float(np.mean(y)), float(np.std(y)) or 1.0
        return (y - self._mean) / self._std


def _matern(a: np.ndarray, b: np.ndarray, length: np.ndarray) -> np.ndarray:
    a, b = a / length, b / length
    square = np.sum(a**2, 1)[:, None] + np.sum(b**2, 1) - 2 * a @ b.T
    root = np.sqrt(5 * np.maximum(square, 0.0))
    return (1 + root + root**2 / 3) * np.exp(-root)


def _negative_log_likelihood(
    logs: np.ndarray, x: np.ndarray, y: np.ndarray, alpha: float
) -> tuple[float, np.ndarray]:
    """With its gradient (Rasmussen & Williams, equation 5.9)."""
    length, noise = np.exp(logs[:-1]), np.exp(logs[-1])
    covariance = _matern(x, x, length)
    noisy = covariance + (noise + alpha) * np.eye(len(x))
    try:
        factor = linalg.cholesky(noisy, lower=True)
    except linalg.LinAlgError:
        return 1e10, np.zeros_like(logs)
    weights = linalg.cho_solve((factor, True), y)
    value = 0.5 * y @ weights + np.sum(np.log(np.diag(factor)))
    inner = np.outer(weights, weights) - linalg.cho_solve(
        (factor, True), np.eye(len(x))
    )
    differences = (x[:, None, :] - x[None, :, :]) / length
    root = np.sqrt(5 * np.sum(differences**2, axis=2))
    common = inner * (5 / 3) * (1 + root) * np.exp(-root)
    by_length = np.einsum("ij,ijk->k", common, differences**2)
    by_noise = noise * np.trace(inner)
    return float(value), -0.5 * np.array([*by_length, by_noise])

"""Bayesian optimization that is asked for many trials at once."""

import keras
import keras_tuner
import numpy as np
import pytest
from scipy.spatial.distance import pdist

import kreg.tuners
from kreg.tuners import _gaussian_process
from kreg.tuners._gaussian_process import GaussianProcess

# NumPy alone: the same on every backend.
pytestmark = pytest.mark.backends("torch")


def branin(run):
    """Branin and Hoo's function; least is 0.397887 (Dixon & Szego, 1978)."""
    x = run.hyperparameters.get("a") * 15 - 5
    y = run.hyperparameters.get("b") * 15
    bend = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def build(hp):
    hp.Float("a", 0.0, 1.0)
    hp.Float("b", 0.0, 1.0)
    model = keras.Sequential()
    model.compile("sgd", "mse")
    return model


def searched(name, path, seed, trials, population, function=branin):
    tuner = getattr(kreg.tuners, name)(
        build,
        "loss",
        max_trials=trials,
        population=population,
        seed=seed,
        directory=path / f"{name}_{seed}",
    )
    tuner.search(function, verbose=0)
    return tuner


def points(trials):
    return np.array(
        [[t.hyperparameters["a"], t.hyperparameters["b"]] for t in trials]
    )


@pytest.mark.parametrize(("asks", "trials"), [(1, 30), (8, 40), (32, 96)])
def test_better_than_chance(asks, trials, waves, tmp_path):
    def regrets(name):
        return [
            min(r.objective for r in found.results) - 0.397887
            for found in (
                searched(name, tmp_path, seed, trials, asks)
                for seed in (0, 1000, 2000)  # 1 has most points of 0
            )
        ]

    bayesian = regrets("BayesianOptimization")
    assert np.mean(bayesian) < 0.3 * np.mean(regrets("RandomSearch"))


@pytest.mark.parametrize("asks", [8, 32])
def test_no_near_duplicates(asks, waves, tmp_path):
    tuner = searched("BayesianOptimization", tmp_path, 0, 3 * asks, asks)
    found = points(tuner.results)
    for wave in range(3):
        within = found[wave * asks : (wave + 1) * asks]
        assert pdist(within).min() > 0.014


def test_no_near_duplicates_of_one_choice(waves, tmp_path):
    def with_choice(hp):
        hp.Choice("kind", ["x", "y"])
        return build(hp)

    tuner = kreg.tuners.BayesianOptimization(
        with_choice,
        "loss",
        max_trials=96,
        population=32,
        seed=0,
        directory=tmp_path,
    )
    tuner.search(branin, verbose=0)
    kinds = [r.hyperparameters["kind"] for r in tuner.results]
    found = points(tuner.results)
    for wave in range(32, 96, 32):
        for kind in ("x", "y"):
            rows = [i for i in range(wave, wave + 32) if kinds[i] == kind]
            assert len(rows) < 2 or pdist(found[rows]).min() > 0.017


def test_one_fit_a_wave(waves, tmp_path, monkeypatch):
    tuned = []
    tune = GaussianProcess.tune
    monkeypatch.setattr(
        GaussianProcess,
        "tune",
        lambda self, x, y: (tuned.append(len(x)), tune(self, x, y)),
    )
    searched("BayesianOptimization", tmp_path, 0, 48, 16)
    assert tuned == [16, 32]


def test_a_reopened_search_asks_the_same(waves, tmp_path):
    whole = searched("BayesianOptimization", tmp_path / "a", 0, 24, 8)
    searched("BayesianOptimization", tmp_path / "b", 0, 16, 8)
    again = searched("BayesianOptimization", tmp_path / "b", 0, 24, 8)
    np.testing.assert_allclose(points(again.results), points(whole.results))


def test_maximum(waves, tmp_path):
    tuner = kreg.tuners.BayesianOptimization(
        build,
        keras_tuner.Objective("loss", "max"),
        max_trials=24,
        population=4,
        seed=0,
        directory=tmp_path,
    )
    tuner.search(
        lambda run: -((run.hyperparameters["a"] - 0.7) ** 2), verbose=0
    )
    best = tuner.get_best_hyperparameters()[0]["a"]
    assert best == pytest.approx(0.7, abs=0.03)


def test_process_is_scikit_learns():
    from sklearn import gaussian_process
    from sklearn.gaussian_process import kernels

    random = np.random.default_rng(0)
    x, new = random.uniform(size=(20, 3)), random.uniform(size=(50, 3))
    y = np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + random.normal(scale=0.01, size=20)
    mine = GaussianProcess(1e-4)
    mine.tune(x, y)
    mine.fit(x, y)
    kernel = kernels.Matern(mine.length, nu=2.5) + kernels.WhiteKernel(
        mine.noise
    )
    theirs = gaussian_process.GaussianProcessRegressor(
        kernel, alpha=1e-4, optimizer=None
    )
    scaled = (y - y.mean()) / y.std()
    theirs.fit(x, scaled)
    mean, std = mine.predict(new)
    their_mean, their_std = theirs.predict(new, return_std=True)
    their_std = np.sqrt(their_std**2 - mine.noise)  # theirs is that of y
    np.testing.assert_allclose(mean, their_mean * y.std() + y.mean(), rtol=1e-6)
    np.testing.assert_allclose(std, their_std * y.std(), rtol=1e-4)
    logs = np.log([*mine.length, mine.noise])
    value, _ = _gaussian_process._negative_log_likelihood(logs, x, scaled, 1e-4)
    constant = 10 * np.log(2 * np.pi)
    assert -value - constant == pytest.approx(
        theirs.log_marginal_likelihood_value_, rel=1e-6
    )


def test_gradient_of_the_likelihood():
    from scipy.optimize import approx_fprime

    random = np.random.default_rng(1)
    x, y = random.uniform(size=(12, 2)), random.normal(size=12)
    logs = np.log([0.3, 0.8, 1e-2])

    def value(logs):
        return _gaussian_process._negative_log_likelihood(logs, x, y, 1e-4)

    np.testing.assert_allclose(
        value(logs)[1],
        approx_fprime(logs, lambda at: value(at)[0], 1e-6),
        rtol=1e-3,
    )

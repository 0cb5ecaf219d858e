"""Bayesian optimization that may be asked for many trials at once."""

from typing import Any

import keras_tuner
import numpy as np
from scipy import stats

from kreg.tuners import _grid
from kreg.tuners._gaussian_process import GaussianProcess
from kreg.tuners._safe_oracle import SafeOracle

_hps = keras_tuner.engine.hyperparameters

# Points at which the bound is looked up; then around the best ones, ever
# nearer. All are looked up in one call, so that their number costs little.
_CANDIDATES = 2048
_ENTRIES_AT_MOST = 400_000  # candidates times trials
_KEPT = 8
_NEIGHBOURS = 32
_RADII = (0.1, 0.03, 0.01)

# Trials of one wave are this far apart, in units of the side of the cube times
# the root of its dimensions: nearer ones would hardly tell anything new.
_APART = 0.01


class BayesianOptimizationOracle(
    SafeOracle, keras_tuner.oracles.BayesianOptimizationOracle
):
    """KerasTuner's oracle with a Gaussian process that is fitted once a wave.

    A trial is where the lower confidence bound `mean - beta * std` is least.
    Trials that run already have no value yet; they are taken to give just what
    is expected of them (GP-BUCB). That leaves the mean as it is and takes the
    uncertainty away around them, so that the next trial goes elsewhere.

    The process is fitted to scores that a Yeo-Johnson transformation has made
    look normal. Losses have a long tail, which would pass for the scale of all
    that is to be found out; with it, the bound of `beta=2.6` hardly does better
    than chance in the first 40 trials.

    scikit-learn, which KerasTuner's needs, is not needed.

    References:

    - [Desautels, Krause & Burdick, 2014](https://jmlr.org/papers/v15/desautels14a.html)
    - [Cowen-Rivers et al., 2022](https://doi.org/10.1613/jair.1.13643), section
      4.1: output transformations.
    """  # noqa: E501

    def __init__(
        self,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        **kwargs: Any,
    ):
        # Not KerasTuner's own: it makes a process of scikit-learn's.
        keras_tuner.Oracle.__init__(
            self, objective=objective, max_trials=max_trials, **kwargs
        )
        self._keep_seed(kwargs.get("seed"))
        self.num_initial_points = num_initial_points
        self.alpha = alpha
        self.beta = beta
        self._process = GaussianProcess(alpha)
        self._fitted: Any = (None, None, None)

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes the state that `get_state` returned."""
        keras_tuner.Oracle.set_state(self, state)
        for name in ("num_initial_points", "alpha", "beta"):
            setattr(self, name, state[name])
        self._process = GaussianProcess(self.alpha)
        self._fitted = (None, None, None)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        space = self._tunable()
        completed = [t for t in self.trials.values() if t.status == "COMPLETED"]
        running = list(self.ongoing_trials.values())
        initial = self.num_initial_points or max(3 * len(space), 3)
        known = len(completed)
        if known < 2 or not space or known + len(running) < initial:
            return self._random()
        best = self._fit(completed)
        pending = self._vectors(running)
        self._process.imagine(pending)
        # One generator a trial: nothing to be saved.
        random = np.random.default_rng([self.seed, len(self.trials)])
        points = self._best_first(best, len(space), random)
        # Where the values are: else two points of one choice would seem apart.
        for vector in self._snapped(points):
            values = self._values_of(vector)
            is_new = not _is_near(vector, pending)
            if is_new and not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self._random()

    def _fit(self, completed: list[Any]) -> np.ndarray:
        """Fits the process, and returns the best point."""
        names = [hp.name for hp in self._tunable()]
        known = (names, [trial.trial_id for trial in completed])
        if known != self._fitted[0]:
            x, y = self._vectors(completed), self._scores(completed)
            self._process.tune(x, y)
            self._fitted = known, x, y
        _, x, y = self._fitted
        self._process.fit(x, y)
        return np.asarray(x[np.argmin(y)])

    def _best_first(
        self, best: np.ndarray, dimensions: int, random: np.random.Generator
    ) -> np.ndarray:
        """The points with the least bounds that were looked up."""
        count = min(_CANDIDATES, _ENTRIES_AT_MOST // len(self.trials))
        points = random.uniform(size=(max(count, 64), dimensions))
        points = np.r_[points, best[None]]
        bounds = self._bound(points)
        for radius in _RADII:
            kept = points[np.argsort(bounds)[:_KEPT]]
            steps = random.normal(
                scale=radius, size=(_NEIGHBOURS, len(kept), dimensions)
            )
            near = np.clip(kept + steps, 0.0, 1.0).reshape(-1, dimensions)
            points = np.r_[points, near]
            bounds = np.r_[bounds, self._bound(near)]
        return points[np.argsort(bounds)]

    def _bound(self, points: np.ndarray) -> np.ndarray:
        mean, std = self._process.predict(self._snapped(points))
        return mean - self.beta * std

    def _snapped(self, points: np.ndarray) -> np.ndarray:
        """Moves each point to where the values that it stands for are."""
        snapped = points.copy()
        for axis, hp in enumerate(self._tunable()):
            count = _number_of_values(hp)
            if count is None:
                continue
            index = np.minimum(np.floor(points[:, axis] * count), count - 1)
            snapped[:, axis] = (index + 0.5) / count
        return snapped

    def _random(self) -> dict[str, Any]:
        values = self._random_values()
        status = "STOPPED" if values is None else "RUNNING"
        return {"status": status, "values": values}

    def _tunable(self) -> list[Any]:
        return [h for h in self.hyperparameters.space if _grid.is_tunable(h)]

    def _scores(self, trials: list[Any]) -> np.ndarray:
        sign = -1.0 if self.objective.direction == "max" else 1.0
        scores = sign * np.array([trial.score for trial in trials], float)
        finite = scores[np.isfinite(scores)]
        worst = finite.max() if finite.size else 0.0
        # A loss of 1e9 would make all that is of interest look alike.
        scores = np.where(np.isfinite(scores), scores, worst)
        return _normal(np.minimum(scores, _far_above(scores)))

    def _vectors(self, trials: list[Any]) -> np.ndarray:
        space = self._tunable()
        rows = [[_place(t.hyperparameters, hp) for hp in space] for t in trials]
        return np.array(rows, float).reshape(len(trials), len(space))

    def _values_of(self, vector: np.ndarray) -> dict[str, Any]:
        hps = keras_tuner.HyperParameters()
        places = iter(vector)
        for hp in self.hyperparameters.space:
            hps.merge([hp])
            value = hp.default
            if _grid.is_tunable(hp):
                value = hp.prob_to_value(float(next(places)))
            if hps.is_active(hp):
                hps.values[hp.name] = value
        return hps.values


def _place(hps: Any, hp: Any) -> float:
    """Where the value lies in [0, 1]; the default where there is none."""
    is_there = hp.name in hps.values and hps.is_active(hp)
    value = hps.values[hp.name] if is_there else hp.default
    return float(hp.value_to_prob(value))


def _number_of_values(hp: Any) -> int | None:
    """How many values share [0, 1] evenly; `None` if they do not."""
    if isinstance(hp, (_hps.Float, _hps.Int)) and hp.step is None:
        return None
    return len(list(hp.values))


def _is_near(vector: np.ndarray, others: np.ndarray) -> bool:
    squares = np.sum((others - vector) ** 2, axis=1)
    return bool(np.any(squares < _APART**2 * len(vector)))


def _normal(scores: np.ndarray) -> np.ndarray:
    std = float(np.std(scores))
    if not std > 0:
        return scores
    return np.asarray(stats.yeojohnson((scores - np.mean(scores)) / std)[0])


def _far_above(scores: np.ndarray) -> float:
    low, middle = np.quantile(scores, [0.0, 0.5])
    return float(middle + 5 * (middle - low)) if middle > low else np.inf

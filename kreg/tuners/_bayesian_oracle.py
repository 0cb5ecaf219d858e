"""Bayesian optimization that may be asked for many trials at once."""

from typing import Any

import keras_tuner
import numpy as np

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


class BayesianOptimizationOracle(
    SafeOracle, keras_tuner.oracles.BayesianOptimizationOracle
):
    """KerasTuner's oracle with a Gaussian process that is fitted once a wave.

    A trial is where the lower confidence bound `mean - beta * std` is least.
    Trials that run already have no value yet; they are taken to give just what
    is expected of them (GP-BUCB). That leaves the mean as it is and takes the
    uncertainty away around them, so that the next trial goes elsewhere.

    scikit-learn, which KerasTuner's needs, is not needed.

    References:

    - [Desautels, Krause & Burdick, 2014](https://jmlr.org/papers/v15/desautels14a.html)
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
        self.num_initial_points = num_initial_points
        self.alpha = alpha
        self.beta = beta
        self._process = GaussianProcess(alpha)
        self._tuned_for: tuple[str, ...] = ()

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes the state that `get_state` returned."""
        keras_tuner.Oracle.set_state(self, state)
        for name in ("num_initial_points", "alpha", "beta"):
            setattr(self, name, state[name])
        self._process = GaussianProcess(self.alpha)
        self._tuned_for = ()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        space = self._tunable()
        completed = [t for t in self.trials.values() if t.status == "COMPLETED"]
        running = list(self.ongoing_trials.values())
        initial = self.num_initial_points or max(3 * len(space), 3)
        known = len(completed)
        if known < 2 or not space or known + len(running) < initial:
            return self._random()
        x, y = self._vectors(completed), self._scores(completed)
        self._fit(x, y, completed, self._vectors(running))
        # One generator a trial: nothing to be saved.
        random = np.random.default_rng([self.seed, len(self.trials)])
        for vector in self._best_first(x[np.argmin(y)], len(space), random):
            values = self._values_of(vector)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self._random()

    def _fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        completed: list[Any],
        pending: np.ndarray,
    ) -> None:
        ids = tuple(trial.trial_id for trial in completed)
        if ids != self._tuned_for or len(self._process.length) != x.shape[1]:
            self._process.tune(x, y)
            self._tuned_for = ids
        self._process.fit(x, y)
        self._process.imagine(pending)

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
        return np.minimum(scores, _far_above(scores))

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


def _far_above(scores: np.ndarray) -> float:
    low, middle = np.quantile(scores, [0.0, 0.5])
    return float(middle + 5 * (middle - low)) if middle > low else np.inf

"""KerasTuner's oracles, made safe, and able to give many trials at once."""

from typing import Any

import keras_tuner
import numpy as np

from kreg.tuners import _grid
from kreg.tuners._safe_oracle import SafeOracle


class RandomSearchOracle(SafeOracle, keras_tuner.oracles.RandomSearchOracle):
    """Random points; every point of a small space before it stops."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        response = super().populate_space(trial_id)
        space = self.hyperparameters.space
        if response["status"] != "STOPPED" or not _grid.is_finite(space):
            return response
        # KerasTuner has met known points 20 times. Some may be left.
        left = list(_grid.untried(space, self._duplicate))
        if not left:
            return response
        random = np.random.default_rng([self.seed, len(self.trials)])
        return {"status": "RUNNING", "values": left[random.integers(len(left))]}


class GridSearchOracle(SafeOracle, keras_tuner.oracles.GridSearchOracle):
    """The grid, in KerasTuner's order, without waiting for trials to end.

    KerasTuner's gives a second point when the first has ended, and forgets
    where it was when the project is opened again.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        trials = self.trials.values()
        tried = _grid.Tried(trial.hyperparameters.values for trial in trials)
        for values in _grid.points(self.hyperparameters.space):
            if values not in tried:
                return {"status": "RUNNING", "values": values}
        # A trial that runs may declare further hyperparameters.
        status = "IDLE" if self.ongoing_trials else "STOPPED"
        return {"status": status, "values": None}


class HyperbandOracle(SafeOracle, keras_tuner.oracles.HyperbandOracle):
    """Hyperband, where a trial that goes on names the bracket that it is of.

    KerasTuner's names the one that was begun last, which is another as soon as
    trials of several brackets run at once.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        response = super().populate_space(trial_id)
        values = response.get("values") or {}
        if "tuner/trial_id" in values:
            parent = self.trials[values["tuner/trial_id"]].hyperparameters
            values["tuner/bracket"] = parent.values["tuner/bracket"]
        return response

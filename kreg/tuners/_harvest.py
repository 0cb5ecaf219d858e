"""What comes out of a population, run by run."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kreg.population import Population
from kreg.tuners import _files, _fit_arguments, _snapshot, _unreported
from kreg.tuners._outcomes import best_index, numbers_of, outcome_of
from kreg.tuners._runs import Logs, Outcome, Paused, Run
from kreg.tuners._strengths_of import strengths_of
from kreg.tuners._weight_files import WeightFiles

_PROBE_SIZE = 1024


class Harvest:
    """Writes the files of the runs of a population that was trained.

    Args:
        population: `Population`.
        objective: `keras_tuner.Objective` that says which epoch is the best.
        weight_files: `WeightFiles`.
        gaps: Array of the training losses of the best epochs, or `None`.
    """

    def __init__(
        self,
        population: Population,
        objective: Any,
        weight_files: WeightFiles,
        gaps: np.ndarray | None,
    ):
        self._population = population
        self._objective = objective
        self._weight_files = weight_files
        self._gaps = gaps

    def of(
        self, index: int, run: Run, until: int, callbacks: Any, folder: str
    ) -> Outcome | Paused:
        """Returns what came of one run; a `Paused` if it is to go on.

        Args:
            index: Integer. Which trial of the population it was.
            run: `Run`.
            until: Integer. The epoch that the population was to stop before.
            callbacks: Its callbacks.
            folder: Where to keep what is needed to go on.
        """
        survivors = self._population.trials.survivors
        pauses = run.epochs > until and index in survivors
        state = _unreported.path_of_state(folder, run.name, until)
        if pauses:
            _files.make_folder(os.path.dirname(state))
            model = self._population.unstack(index)
            _snapshot.save_with_strengths(state, model)
        elif run.last is not None:
            _snapshot.save(run.last, self._population.unstack(index), None)
        before = run.paused.logs if run.paused else []
        logs = [*before, *map(numbers_of, self._population.logs[index])]
        gap, strengths = self._best(index, run, logs)
        if pauses:
            self._population.trials.empty(run.model)
            run.forget_model()
            return Paused(until, state, logs, gap, strengths, callbacks)
        outcome = outcome_of(
            logs, run.initial_epoch, self._objective, strengths
        )
        if gap is not None:
            outcome.generalization_gap = gap
        self._population.trials.empty(run.model)
        run.release()
        return outcome

    def _best(
        self, index: int, run: Run, logs: Sequence[Logs]
    ) -> tuple[float | None, dict[str, float]]:
        """Writes the weights of the best epoch, if it is one of this part.

        Returns:
            Tuple of the generalization gap then, or `None`, and the strengths.
        """
        best = best_index(logs, self._objective)
        before = run.paused
        if before is not None and (best is None or best < len(before.logs)):
            return before.generalization_gap, before.strengths
        if best is None:
            return None, {}
        model = run.model
        if run.is_made_built:
            self._population.trials.write(index, model, best=True)
        else:  # Keras builds such a model with its optimizer, and loads both
            model = self._population.unstack(index, best=True)
        write = self._weight_files.write
        _files.replace(run.weights, lambda path: write(path, model))
        run.write_build_config(model)
        validation = logs[best].get("val_data_loss")
        gap = None
        if self._gaps is not None and validation is not None:
            gap = float(validation - self._gaps[index])
        return gap, strengths_of(model)


def gaps_of(
    population: Population, fit: Mapping[str, Any], splits: Sequence[Any]
) -> np.ndarray | None:
    """Returns the training losses of the best epochs, at inference."""
    data = _fit_arguments.training_data(fit)
    if data is None or not population.best_epochs:
        return None
    # As many as validate: the gap is hardly more exact for more, and what
    # is compiled for the validation data serves.
    most = _fit_arguments.validation_size(fit) or _PROBE_SIZE
    rows = np.arange(min(len(keras.tree.flatten(data)[0]), most))
    if splits:  # each has rows of its own: those that all train on
        shared = set.intersection(*(set(t.tolist()) for t, _ in splits))
        rows = np.array(sorted(shared), int)[:_PROBE_SIZE]
    if not len(rows):
        return None
    x, y, weights = keras.utils.unpack_x_y_sample_weight(
        keras.tree.map_structure(lambda a: np.asarray(a)[rows], data)
    )
    return population.evaluate(x, y, weights, best=True)["data_loss"]

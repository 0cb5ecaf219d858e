"""Trains the runs of a wave together, in one graph."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras_tuner

from kreg._structure import is_built
from kreg.population import NotStackable, Population, Programs
from kreg.population._callbacks import needs_batches
from kreg.population._grouping import grouped
from kreg.population._memory import trials_that_fit
from kreg.population._refusal import refuse_model, steps_of
from kreg.population._signature import has_config
from kreg.tuners import (
    _checks,
    _compiling,
    _files,
    _fit_arguments,
    _snapshot,
)
from kreg.tuners._ahead import Ahead
from kreg.tuners._harvest import Harvest, gaps_of
from kreg.tuners._in_parts import InParts
from kreg.tuners._one_by_one import OneByOne
from kreg.tuners._runs import Logs, Outcome, Paused, Run
from kreg.tuners._weight_files import WeightFiles

# Arguments of `fit` that a population takes.
_TAKEN = {
    "x",
    "y",
    "batch_size",
    "epochs",
    "verbose",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
    "sample_weight",
    "initial_epoch",
    "steps_per_epoch",
    "validation_steps",
    "validation_batch_size",
    "validation_freq",
}
# Logs that need a pass over the training data at each epoch.
_PROBED = ("train_data_loss", "generalization_gap")


class _Task(NamedTuple):
    """What is the same for all runs of a wave; see `Trainer.train`."""

    until: int
    fit: Mapping[str, Any]
    folder: str
    on_epoch_end: Callable[[int, Sequence[Logs]], None]


class PopulationTrainer:
    """The trainer of runs whose models differ in strengths and rates alone.

    Args:
        hypermodel: `keras_tuner.HyperModel`.
        objective: `keras_tuner.Objective` that says which epoch is the best.
        seed: Integer. Seed of the order of the samples.
        most: Integer: how many runs to train together at most.
        steps: Integer: about how many steps the runs of the search take.
        fallback: `OneByOne`, for what turns out not to stack.
    """

    def __init__(
        self,
        hypermodel: Any,
        objective: Any,
        seed: int,
        most: int,
        steps: int,
        fallback: OneByOne,
    ):
        self._hypermodel = hypermodel
        self._objective = objective
        self._seed = seed
        self._most = most
        self._steps = steps
        self._fallback = fallback
        self._programs = Programs()
        self._ahead = Ahead()
        self._weight_files = WeightFiles()

    def can_train(
        self, model: Any, callbacks: Sequence[Any], fit: Mapping[str, Any]
    ) -> str | None:
        """Returns `None`, or in a few words why it cannot."""
        if _fit_arguments.has_own_fit(self._hypermodel):
            return "the hypermodel has a `fit` of its own"
        names = _checks.names_of(self._objective)
        if any(name in _PROBED for name in names) or len(names) > 1:
            return f"the objective {names} is not measured in a population"
        unknown = sorted(set(fit) - _TAKEN)
        if unknown:
            return f"a population takes no {unknown}"
        for callback in callbacks:
            if needs_batches(callback):
                return f"{type(callback).__name__} has batch hooks"
        try:
            refuse_model(model)
        except NotStackable as error:
            return str(error)
        return None

    def at_once(
        self, model: Any, fit: Mapping[str, Any], population: Any
    ) -> int:
        """Returns what the user wants, or how many fit in memory."""
        self._programs.emptied.meet(model)
        if population != "auto":
            return int(population)
        if not is_built(model):
            return self._most
        size = _fit_arguments.batch_size(fit)
        return trials_that_fit(model, size, self._most)

    def get_ready(
        self, runs: Sequence[Run], size: int, fit: Mapping[str, Any]
    ) -> None:
        """Begins to compile for the runs; see `Trainer.get_ready`."""
        jit = _compiling.xla_for(runs[0].model, self._steps)
        self._ahead.begin(runs, size, self._seed, jit, self._programs, fit)

    def train(
        self,
        runs: Sequence[Run],
        until: int,
        fit: Mapping[str, Any],
        folder: str,
        on_epoch_end: Callable[[int, Sequence[Logs]], None],
    ) -> list[Outcome | Paused]:
        """Trains the runs; see `Trainer.train`."""
        groups = self._groups(runs, fit)
        if self._ahead.ended():  # too large where there are several groups
            self._programs.forget_larger_than(max(map(len, groups)))
        task = _Task(until, fit, folder, on_epoch_end)
        return self._in_turn(runs, groups, task)

    def _groups(
        self, runs: Sequence[Run], fit: Mapping[str, Any]
    ) -> list[list[Run]]:
        """Returns the runs in groups of one graph each."""
        example = _fit_arguments.a_few_samples(fit)
        models = [run.model for run in runs]
        indices = grouped(models, None if example is None else example[0])
        for model in models:
            self._programs.emptied.meet(model)
        return [[runs[i] for i in together] for together in indices]

    def _in_turn(
        self, runs: Sequence[Run], parts: Iterable[list[Run]], task: _Task
    ) -> list[Outcome | Paused]:
        """Trains one part of the runs after the other."""
        found: dict[str, Outcome | Paused] = {}
        for part in parts:
            names = [run.name for run in part]
            found.update(zip(names, self._train(part, task), strict=True))
        return [found[run.name] for run in runs]

    def _train(self, runs: list[Run], task: _Task) -> list[Outcome | Paused]:
        try:
            return self._together(runs, task)
        except (keras_tuner.errors.FatalError, _files.StorageError):
            raise
        except Exception as error:
            _files.refuse_storage(error, task.folder)
            if _is_out_of_memory(error) and len(runs) > 1:
                return self._halves(runs, task)
            # What is wrong may be one trial's alone, or a wave's way.
            warnings.warn(
                f"Training one by one: {_in_short(error)}", stacklevel=2
            )
        for run in runs:
            run.forget_model()
        return self._fallback.train(runs, *task)

    def _halves(self, runs: list[Run], task: _Task) -> list[Outcome | Paused]:
        half = len(runs) // 2
        warnings.warn(
            f"Out of memory: now training {half} at once.", stacklevel=2
        )
        for run in runs:
            run.forget_model()  # its weights may have been taken already
        return self._in_turn(runs, (runs[:half], runs[half:]), task)

    def _together(self, runs: list[Run], task: _Task) -> list[Outcome | Paused]:
        first = runs[0]
        for run in runs:
            _go_on(run)
        by_steps: dict[int, list[Run]] = {}
        for run in runs:
            by_steps.setdefault(steps_of(run.model), []).append(run)
        if len(by_steps) > 1:  # some go on from runs that stopped early
            return self._in_turn(runs, by_steps.values(), task)
        until, fit, folder, on_epoch_end = task
        if not has_config(first.model):
            # Of a class of one's own: alone whenever it is, and compiled anew.
            until = first.epochs
        population = Population(
            [run.model for run in runs],
            seed=self._seed,
            jit_compile=_compiling.xla_for(first.model, self._steps),
            programs=self._programs,
        )
        population.trials.emptied = self._programs.emptied
        name = f"{first.name}_{first.next_epoch}_of_{len(runs)}"
        place = os.path.join(folder, name)

        def note(number: int, of_epoch: dict[int, Any]) -> None:
            on_epoch_end(number, list(of_epoch.values()))

        (name,) = _checks.names_of(self._objective)
        splits = [run.rows for run in runs if run.rows is not None]
        arguments = {**fit, "verbose": 0, "epochs": until}
        arguments["initial_epoch"] = first.next_epoch
        callbacks = [_callbacks_of(run) for run in runs]
        population.fit(
            **arguments,
            callbacks=callbacks,
            splits=splits or None,
            keep_best=name,
            mode=self._objective.direction,
            snapshot=place,
            on_epoch_end=note,
        )
        gaps = gaps_of(population, fit, splits)
        harvest = Harvest(population, self._objective, self._weight_files, gaps)
        return [
            harvest.of(index, run, until, callbacks[index], folder)
            for index, run in enumerate(runs)
        ]


def _go_on(run: Run) -> None:
    """Gives the model of a run the state that the run goes on from."""
    if run.paused is not None:
        _snapshot.build(run.model, run.folder)
        # A callback may have changed what is a number in Keras's config.
        run.model = _snapshot.load_with_strengths(run.paused.state, run.model)
    elif run.parent is not None:
        _snapshot.go_on_from(run.parent, run.model)


def _callbacks_of(run: Run) -> list[InParts]:
    """Returns the callbacks of a run, those that have begun, if they have."""
    if run.paused is not None and run.paused.callbacks is not None:
        return run.paused.callbacks
    return [InParts(run.callbacks, run.epochs)] if run.callbacks else []


def _in_short(error: Exception) -> str:
    if isinstance(error, NotStackable):
        return f"{error}."
    line, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {line}"


def _is_out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or "ResourceExhausted" in type(error).__name__
        or "RESOURCE_EXHAUSTED" in str(error)
    )

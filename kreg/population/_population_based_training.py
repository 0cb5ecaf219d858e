"""`PopulationBasedTraining`: trials that copy the best and vary on the way."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kreg._strengths import match
from kreg._validation import check_count, check_positive, check_strength, fail
from kreg.population._initial import LEARNING_RATE
from kreg.population._lineage import Course, Generation, Lineage
from kreg.population._population import Population
from kreg.population._programs import Programs
from kreg.population._selection import explored, parents


class PopulationBasedTraining:
    """Finds a schedule for each Strength while the models train.

    K variants of one model train as a `Population`. After each `interval`
    epochs those among the worst `share` take over the weights, the state and
    the optimizer's state of one of the best (exploit), and go on with its
    values multiplied by one of `factors`, or drawn afresh (explore):

        value <- value * factor          with probability 1 - resample
        value <- a draw from the range   with probability resample

    The result is a model, and a schedule: how the values went along the
    ancestors of the best trial. It may be trained with again, without a
    population.

    A trial whose loss is not finite takes over from one of the best, too.

    Args:
        models_or_build: As for `Population`.
        values: As for `Population`. What a path or glob names is varied
            together. With models, all in which they differ is varied.
        interval: Integer >= 1. Epochs between two selections. Defaults to `1`.
        share: Float in (0, 0.5]. Share of the trials that are replaced, and
            of those that are copied. Defaults to `0.25`.
        factors: Sequence of floats > 0. Defaults to `(0.8, 1.25)`.
        resample: Float in [0, 1]. Probability of a value from the range in
            which the population began. Defaults to `0.1`.
        objective: Name of the log that says which trials are best. Defaults
            to `"val_data_loss"`, the validation loss without penalties.
        mode: `"min"` or `"max"`: which values of it are best.
        seed: Integer. Seed of the order of samples, and of the selection.
        jit_compile: As for `Population`.
        programs: As for `Population`.

    Attributes:
        population: The `Population`.
        lineage: List of `Generation`s, with `ancestors` and `courses`.

    Raises:
        ValueError: If an argument does not fit, or nothing differs between
            the trials.

    Example:

    >>> def build():
    ...     penalty = kreg.regularizers.L2(0.0)
    ...     model = keras.Sequential([
    ...         keras.Input((4,)),
    ...         keras.layers.Dense(1, kernel_regularizer=penalty, name="d"),
    ...     ])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x, y = np.random.rand(64, 4), np.random.rand(64, 1)
    >>> training = kreg.population.PopulationBasedTraining(
    ...     build, {"*/l2": [1e-4, 1e-3, 1e-2, 1e-1]}
    ... )
    >>> histories = training.fit(x, y, validation_split=0.5, epochs=3)
    >>> model = training.unstack(training.best_trial)
    >>> list(training.courses())
    ['d/kernel_regularizer/l2']
    >>> again = build()
    >>> history = again.fit(x, y, epochs=3, callbacks=training.callbacks(),
    ...                     verbose=0)

    References:
        - Jaderberg et al., "Population Based Training of Neural Networks",
          2017, https://arxiv.org/abs/1711.09846
    """

    def __init__(
        self,
        models_or_build: Sequence[Any] | Callable[[], Any],
        values: Mapping[str, Sequence[float]] | None = None,
        interval: int = 1,
        share: float = 0.25,
        factors: Sequence[float] = (0.8, 1.25),
        resample: float = 0.1,
        objective: str = "val_data_loss",
        mode: str = "min",
        seed: int = 0,
        jit_compile: bool | str = "auto",
        programs: Programs | None = None,
    ):
        self.interval = check_count(interval, "interval")
        self.share = check_positive(share, "share")
        if self.share > 0.5:
            fail("share", "a float in (0, 0.5]", share)
        if not isinstance(factors, Sequence) or not len(factors):
            fail("factors", "at least one float > 0", factors)
        self.factors = [check_positive(f, "factors") for f in factors]
        self.resample = check_strength(resample, "resample", 1.0)
        if mode not in ("min", "max"):
            fail("mode", '"min" or "max"', mode)
        self.objective = objective
        self.mode = mode
        self._patterns = None if values is None else list(values)
        self.population = Population(
            models_or_build, values, seed, jit_compile, programs
        )
        self._trials = self.population.trials
        if self.population.size < 2:
            fail("models_or_build", "at least two trials", 1)
        self._random = np.random.default_rng(seed)
        self.lineage = Lineage()

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int = 1,
        verbose: int = 0,
        **arguments: Any,
    ) -> list[dict[str, list[float]]]:
        """Trains, and selects after each `interval` epochs but the last.

        Args:
            x: As for `Population.fit`.
            y: As for `Population.fit`.
            epochs: Integer >= 1. Number of the last epoch. A second call with
                more epochs goes on.
            verbose: As for `Population.fit`.
            **arguments: Further arguments of `Population.fit`; not
                `callbacks`, which would see a trial's weights replaced, and
                not `initial_epoch`, `keep_best`, `mode` or `snapshot`.

        Returns:
            List of the history of each trial. A trial's epochs before it was
            replaced are its own; see `lineage`.

        Raises:
            ValueError: If an argument does not fit, or no log is named as the
                objective.
        """
        taken = {"callbacks", "initial_epoch", "keep_best", "mode", "snapshot"}
        for name in sorted(taken & set(arguments)):
            fail(name, "no such argument", arguments[name])
        check_count(epochs, "epochs")
        for first in range(self._epochs_done, epochs, self.interval):
            if first > 0:
                self._select(first)
            self.population.fit(
                x,
                y,
                initial_epoch=first,
                epochs=min(first + self.interval, epochs),
                verbose=verbose,
                **arguments,
            )
            if not self.lineage:
                self._begin()
            self._scores()
        return self.population.histories

    @property
    def best_trial(self) -> int:
        """The trial with the best objective after the last epoch."""
        if not self.lineage:
            raise RuntimeError("No trial is the best yet. Call `fit` first.")
        losses = self._losses()
        return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))

    def courses(self, trial: int | None = None) -> dict[str, Course]:
        """Returns how each value went along the ancestors of a trial.

        Args:
            trial: Integer. Defaults to `None`, the best.

        Returns:
            Dict of path to `Course`: `value` times the `schedule` of the
            epoch, a `kreg.schedules.Piecewise`.
        """
        chosen = self.best_trial if trial is None else trial
        return self.lineage.courses(range(self.population.size)[chosen])

    def callbacks(self, trial: int | None = None) -> list[Any]:
        """Returns callbacks that take one model through the found courses.

        Args:
            trial: Integer. Defaults to `None`, the best.

        Returns:
            List of a `kreg.callbacks.StrengthScheduler` for each Strength, and
            a `keras.callbacks.LearningRateScheduler` if that was varied.
        """
        return [
            course.callback(path)
            for path, course in self.courses(trial).items()
        ]

    def unstack(self, trial: int) -> Any:
        """Returns one trial as an ordinary model; see `Population.unstack`."""
        return self.population.unstack(trial)

    @property
    def _epochs_done(self) -> int:
        return max(len(logs) for logs in self.population.logs)

    def _begin(self) -> None:
        """Notes the first generation, with all that differs in it."""
        values = self.population.values
        self._groups = _groups(values, self._patterns)
        if not self._groups:
            fail(
                "values",
                "at least one Strength or learning rate in which trials differ",
                {path: value.tolist() for path, value in values.items()},
            )
        paths = [path for group in self._groups for path in group]
        size = self.population.size
        first = {path: values[path] for path in paths}
        self.lineage.append(
            Generation(0, np.arange(size), np.full(size, math.nan), first)
        )

    def _select(self, epoch: int) -> None:
        """Lets the worst trials go on from the best."""
        chosen = parents(self._losses(), self.share, self._random)
        scores = self._scores()
        self._trials.gather(chosen)
        values = self.population.values
        for trial in np.flatnonzero(chosen != np.arange(len(chosen))).tolist():
            for group in self._groups:
                self._explore(values, group, trial)
            self.population.failures.pop(trial, None)
        paths = self.lineage[0].values
        own = {path: values[path] for path in paths}
        self.population.set_values(own)
        self.lineage.append(Generation(epoch, chosen, scores, own))

    def _explore(
        self, values: dict[str, np.ndarray], group: list[str], trial: int
    ) -> None:
        maxima = self._trials.maxima
        value = explored(
            values[group[0]][trial],
            self.lineage[0].values[group[0]],
            self.factors,
            self.resample,
            min(maxima[path] for path in group),
            self._random,
        )
        for path in group:
            values[path][trial] = value

    def _scores(self) -> np.ndarray:
        """Returns the objective of each trial after the last epoch."""
        scores = np.full(self.population.size, math.nan)
        for trial, logs in enumerate(self.population.logs):
            if trial in self.population.failures or not logs:
                continue
            if self.objective not in logs[-1]:
                fail(
                    "objective",
                    f"one of the logs {sorted(logs[-1])}",
                    self.objective,
                )
            scores[trial] = logs[-1][self.objective]
        return scores

    def _losses(self) -> np.ndarray:
        """Returns the scores such that small is good."""
        return self._scores() * (1.0 if self.mode == "min" else -1.0)


def _groups(
    values: Mapping[str, np.ndarray], patterns: list[str] | None
) -> list[list[str]]:
    """Returns the paths that are varied, those that go together in one list."""
    differ = {p: v for p, v in values.items() if np.ptp(v) > 0}
    if patterns is None:
        return [[path] for path in differ]
    groups = []
    for pattern in patterns:
        if pattern == LEARNING_RATE:
            groups.append([pattern])
            continue
        groups.append([p for p in match(values, pattern) if p in differ])
    return [group for group in groups if group and group[0] in differ]

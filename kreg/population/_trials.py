"""`Trials`: the models of a population, and their state between trainings."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kreg._validation import fail
from kreg.population import _building, _initial
from kreg.population._emptying import Emptied
from kreg.population._fit_checks import not_fitting
from kreg.population._options import Options
from kreg.population._programs import Programs
from kreg.population._refusal import refuse_model, refuse_steps
from kreg.population._rows import Rows
from kreg.population._signature import Description, describe, has_config
from kreg.population._stack import Stack
from kreg.population._template import Template
from kreg.population._unstacking import write_weights, written

_NO_DATA = (
    "This population has seen no data yet, and its models may not be built. "
    "Call `fit` or `evaluate` first."
)

# What Keras and the backends raise of shapes and dtypes. Anything else, such as
# that memory ran out, is not the samples' fault.
_NOT_FITTING = (ValueError, TypeError)


class Trials:
    """What a population was given, and what becomes of it.

    Args:
        models: The model of each trial; or one model, that `build` made.
        build: Function that makes it, or `None`.
        values: Mapping of paths to a value for each trial, with `build`.
        seed: Integer. Seed that the model was built from.
        size: Integer. Number of trials.

    Attributes:
        template: `Template`, once `prepare` was called.
        rows: `Rows` of all trials, likewise.
        survivors: List of the trials that nothing stopped in the last training.
        emptied: `Emptied` or `None`: takes the weights from the models when
            they are stacked. Nobody looks at them then before they are
            written. Such models serve for one `fit`.
    """

    def __init__(
        self,
        models: list[Any],
        build: Callable[[], Any] | None,
        values: Mapping[str, Sequence[float]],
        seed: int,
        size: int,
    ):
        self._models = models
        self._build = build
        self._values = values
        self._seed = seed
        self._size = size
        self._template: Template | None = None
        self._rows: Rows | None = None
        self._are_first = False
        self._best: Rows | None = None
        self.survivors: list[int] = []
        self.emptied: Emptied | None = None

    def prepare(self, example: Any, programs: Programs) -> None:
        """Builds and stacks the models, if that is not done yet.

        Args:
            example: Tuple `(x, y, sample_weight)` of arrays of a few samples.
            programs: `Programs`.
        """
        if self._template is not None:
            return
        try:
            for model in self._models:
                _building.build_for(model, example[0])
        except _NOT_FITTING as error:
            raise not_fitting(example, error) from error
        source = self._models[0]
        refuse_model(source)  # before what its config is taken for differs
        described = [describe(model) for model in self._models]
        signatures = [d.signature for d in described]
        _refuse_different(signatures, self._models)
        refuse_steps(self._models)
        template = programs.template(
            described[0].signature,
            lambda: Template(source, has_config(source), programs.emptied),
        )
        try:
            _building.build_metrics(template.model, example)
        except _NOT_FITTING as error:
            raise not_fitting(example, error) from error
        self._rows = self._first_rows(template, described)
        self._template, self._are_first = template, True

    def _first_rows(
        self, template: Template, described: list[Description]
    ) -> Rows:
        """Returns the rows as the models, or the values, say."""
        rows = _initial.rows_of_models(
            template, self._models, described, self.emptied
        )
        if self._build is None:
            return rows
        rows = rows.repeated(self._size)
        _initial.set_values(template, rows, self._values)
        return rows

    def stacked(
        self, programs: Programs, own_data: bool, jit: Mapping[str, bool]
    ) -> Stack:
        """Returns a stack to train, whose state `take_over` takes later.

        Args:
            programs: `Programs`.
            own_data: Boolean: whether each trial has batches of its own.
            jit: The `Options` of XLA.
        """
        rows, template = self.rows, self.template
        options = Options(rows.seeds_are_shared, own_data, **jit)
        # Rows that can be made again need no memory of their own meanwhile;
        # but without a twin, callbacks look at the first model itself.
        if self._are_first and template.model is not template.source:
            self._rows = None
        return Stack(programs, template, rows, options)

    def engine(
        self, programs: Programs, best: bool, jit: Mapping[str, bool]
    ) -> Any:
        """Returns an engine to measure with, with rows as `chosen`."""
        rows = self.chosen(best)
        options = Options(rows.seeds_are_shared, **jit)
        return programs.measuring_engine(self.template, rows, options)

    @property
    def template(self) -> Template:
        """The template; raises `RuntimeError` before `prepare`."""
        if self._template is None:
            raise RuntimeError(_NO_DATA)
        return self._template

    @property
    def rows(self) -> Rows:
        """The state of all trials; raises `RuntimeError` before `prepare`."""
        if self._rows is None:
            described = [describe(model) for model in self._models]
            self._rows = self._first_rows(self.template, described)
        return self._rows

    @rows.setter
    def rows(self, rows: Rows) -> None:
        self._rows, self._are_first = rows, False

    def set_values(self, values: Mapping[str, Sequence[float]]) -> None:
        """Sets Strengths or learning rates of all trials."""
        if _building.count_of(values) != self._size:
            fail("values", f"{self._size} values for each path", values)
        _initial.set_values(self.template, self.rows, values)
        self._are_first = False

    @property
    def maxima(self) -> dict[str, float]:
        """The largest value that each Strength, or the rate, may take."""
        strengths = self.template.strengths
        return {
            path: strengths[path].maximum if path in strengths else math.inf
            for path in _initial.values_of(self.template, self.rows)
        }

    def gather(self, parents: np.ndarray) -> None:
        """Gives each trial the state of another, its values included.

        Args:
            parents: For each trial, the number of the one whose weights,
                optimizer state, Strengths and learning rate it takes over.
        """
        self.rows = self.rows.take(parents)

    def take_over(self, stack: Stack) -> None:
        """Takes the state of all trials, and their best, from a stack."""
        self.rows = stack.all_rows()
        self.survivors = stack.survivors
        if stack.has_best:
            weights, state = stack.best_of(range(self._size))
            self._best = dataclasses.replace(
                self.rows, weights=weights, state=state
            )

    def chosen(self, best: bool) -> Rows:
        """Returns the rows of all trials, as they are or as they were best."""
        if not best:
            return self.rows
        if self._best is None:
            fail("best", "`False` where `fit` had no `keep_best`", best)
        return self._best

    def unstacked(self, trial: int, best: bool) -> Any:
        """Returns one trial as an ordinary model; see `Population.unstack`."""
        row = self.chosen(best).take([trial])
        return written(self.template, row, self._model_for(trial))

    def write(self, trial: int, model: Any, best: bool) -> None:
        """Gives a built model the weights and the state of one trial.

        Args:
            trial: Integer.
            model: Model like that of the trial. Its optimizer stays as it is.
            best: Boolean. Whether to take the weights of the best epoch.
        """
        row = self.chosen(best).take(slice(trial, trial + 1))
        write_weights(self.template, row, model)

    def empty(self, model: Any) -> None:
        """Takes the memory of a model that nobody looks at any more."""
        if self.emptied is not None:
            self.emptied.empty(model.trainable_variables)
            self.emptied.empty(model.optimizer.variables)

    def _model_for(self, trial: int) -> Any:
        """Returns the model to write the state of a trial into."""
        if self._build is None:
            return self._models[trial]
        model = _building.built_once(self._build, self._seed)
        if not model.built:
            model.build(self._models[0].input_shape)
        return model


def _refuse_different(signatures: list[str], models: list[Any]) -> None:
    for index, signature in enumerate(signatures):
        if signature != signatures[0]:
            raise ValueError(
                "Invalid value for argument `models_or_build`. Expected "
                "models that differ in strengths, rates, label smoothing and "
                f"learning rates alone. Received: models 0 and {index} that "
                f"differ at {_difference(signatures[0], signature)}"
                f"{_hint(models)}"
            )


def _hint(models: list[Any]) -> str:
    """Returns what to do about models that cannot be compared, if any."""
    if len(models) > 1 and not all(map(has_config, models)):
        return (
            ". Two models of a class of your own cannot be compared: pass a "
            "function that builds one, and `values`"
        )
    return ""


def _difference(a: str, b: str) -> str:
    place = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y),
        min(len(a), len(b)),
    )
    begin = max(0, place - 40)
    return f"{a[begin : place + 20]!r} and {b[begin : place + 20]!r}"

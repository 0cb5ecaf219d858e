"""Turns models, or values of strengths, into rows of a stack."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from kreg._strengths import match
from kreg._validation import check_positive, fail
from kreg.population._emptying import Emptied
from kreg.population._rows import Rows, gathered
from kreg.population._signature import Description
from kreg.population._template import Template

LEARNING_RATE = "learning_rate"


def rows_of_models(
    template: Template,
    models: Sequence[Any],
    described: Sequence[Description],
    emptied: Emptied | None = None,
) -> Rows:
    """Returns one row for each model: its weights, its strengths, its state.

    Args:
        template: `Template` of the population.
        models: The models.
        described: The `Description` of each.
        emptied: What takes the weights from each, if that is wanted.
    """
    paths = template.positions

    def rows() -> Iterator[Rows]:
        for model, description in zip(models, described, strict=True):
            row = row_of_model(template, model)
            if emptied is not None:  # what is frozen may be the user's
                emptied.empty(model.trainable_variables)
            for position, value in description.values.items():
                set_value(template, row, paths[position], np.float32(value))
            rate = description.learning_rate
            if rate is not None:
                set_value(template, row, LEARNING_RATE, rate)
            yield row

    return gathered(rows(), len(models))


def row_of_model(template: Template, model: Any) -> Rows:
    """Returns the row of one model; what it lacks is as in a new template."""
    pairs = template.twins.of(model)
    sources = {id(twin): variable for variable, twin in pairs}

    def read(variables: list[Any]) -> list[np.ndarray]:
        return [
            _row(sources[id(v)])
            if id(v) in sources
            else template.initial[id(v)][None]
            for v in variables
        ]

    return Rows(
        weights=read(template.weights),
        state=read(template.state),
        seeds=read(template.seeds),
        optimizer=[_row(v) for v in model.optimizer.variables]
        if model.optimizer.built
        else [value[None] for value in template.fresh],
    )


def _row(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable))[None]


def set_values(
    template: Template, rows: Rows, values: Mapping[str, Any]
) -> None:
    """Sets Strengths and learning rates, or nothing if one cannot be set.

    Args:
        template: `Template` of the population.
        rows: `Rows` of all trials, changed.
        values: Mapping of a path or glob of Strengths, or `"learning_rate"`,
            to one value a trial.
    """
    checked = []
    for pattern, given in values.items():
        if pattern == LEARNING_RATE:
            rates = [check_positive(value, pattern) for value in given]
            checked.append((pattern, rates))
            continue
        for path, strength in match(template.strengths, pattern).items():
            checked.append((path, [strength.check(v) for v in given]))
    for path, numbers in checked:
        set_value(template, rows, path, np.array(numbers))


def set_value(template: Template, rows: Rows, path: str, value: Any) -> None:
    """Sets a Strength, or the learning rate, of all trials in `rows`."""
    place, index = _place(template, path)
    held = getattr(rows, place)
    # What a stack gave is not to be written to.
    held[index] = np.empty_like(held[index])
    held[index][...] = value


def values_of(template: Template, rows: Rows) -> dict[str, np.ndarray]:
    """Returns the value of each Strength and of the learning rate."""
    paths = list(template.strengths)
    if has_learning_rate(template):
        paths.append(LEARNING_RATE)
    found = {}
    for path in paths:
        place, index = _place(template, path)
        found[path] = getattr(rows, place)[index].copy()
    return found


def has_learning_rate(template: Template) -> bool:
    """Tells whether the learning rate is a variable, not a schedule."""
    rate = template.optimizer.learning_rate
    return any(v is rate for v in template.optimizer.variables)


def _place(template: Template, path: str) -> tuple[str, int]:
    if path == LEARNING_RATE:
        if not has_learning_rate(template):
            fail(
                "values",
                "no `learning_rate` where the optimizer follows a schedule",
                path,
            )
        wanted = template.optimizer.learning_rate
    else:
        wanted = template.strengths[path].variable
    for place, variables in (
        ("state", template.state),
        ("optimizer", template.optimizer.variables),
    ):
        for index, variable in enumerate(variables):
            if variable is wanted:
                return place, index
    raise KeyError(path)

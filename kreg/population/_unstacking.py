"""Turns a row of the stack back into an ordinary Keras model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kreg._strengths import strengths
from kreg.population._alignment import aligned
from kreg.population._initial import values_of
from kreg.population._label_smoothing import with_values
from kreg.population._rows import Rows
from kreg.population._signature import (
    Position,
    config_tree,
    has_config,
    read_strengths,
)
from kreg.population._template import Template
from kreg.transforms._graph import config_of
from kreg.transforms._rebuilding import copy_compilation, rebuilt


def written(template: Template, row: Rows, model: Any) -> Any:
    """Returns a model with the state of one trial.

    Args:
        template: `Template` of the population.
        row: `Rows` of one trial.
        model: Built and compiled model of the same architecture, in Keras's
            terms or kreg's. It is returned itself, unless strengths that are
            fixed in it must change.
    """
    values = {p: float(v[0]) for p, v in values_of(template, row).items()}
    if has_config(model):
        positions = template.positions.items()
        wanted = {position: values[path] for position, path in positions}
        model = with_strengths(model, wanted)
    else:  # the template is such a model itself, with the same Strengths
        for strength, path in zip(
            strengths(model).values(), template.strengths, strict=True
        ):
            strength.assign(values[path])
    rows = dict(_variables(template, row))
    for variable, twin in aligned(model, template.model):
        variable.assign(rows[id(twin)])
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    for variable, value in zip(
        model.optimizer.variables, row.optimizer, strict=True
    ):
        variable.assign(value[0])
    return model


def write_weights(template: Template, row: Rows, model: Any) -> None:
    """Gives a built model the weights and the state of one trial.

    Its optimizer is left as it is, and so are strengths that are fixed in it.
    """
    values = dict(_variables(template, row))
    for variable, twin in template.twins.of(model):
        variable.assign(values[id(twin)])


def _variables(template: Template, row: Rows) -> Any:
    for variables, values in (
        (template.weights, row.weights),
        (template.state, row.state),
        (template.seeds, row.seeds),
    ):
        for variable, value in zip(variables, values, strict=True):
            yield id(variable), value[0]


def with_strengths(model: Any, wanted: Mapping[Position, float]) -> Any:
    """Returns `model`, or one like it with these strengths in its config.

    Args:
        model: Built and compiled model.
        wanted: Mapping of the position of each, and maybe of others, to its
            value.
    """
    present = read_strengths(config_tree(model))
    changed = {
        position: float(str(np.float32(wanted[position])))
        for position, value in present.items()
        if np.float32(value) != np.float32(wanted[position])
    }
    if not changed:
        return model
    config = config_of(model)
    for position, value in changed.items():
        _set(config, position, value)
    new = rebuilt(model, config)
    if not new.built:
        new.build(model.input_shape)
    copy_compilation(model, new, with_values(model.loss, changed))
    return new


def _set(config: Any, position: Position, value: float) -> None:
    if position[0] != "model":
        return  # of the optimizer: it is among that one's variables
    *parents, key = position[1:]
    for part in parents:
        config = config[part]
    config[key] = value

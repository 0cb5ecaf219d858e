"""Which trainers a search asks, the quickest first."""

from collections.abc import Mapping
from typing import Any

from kreg.tuners import _waves
from kreg.tuners._compiling import steps_of
from kreg.tuners._one_by_one import OneByOne
from kreg.tuners._population_trainer import PopulationTrainer
from kreg.tuners._runs import Trainer


def trainers_of(
    tuner: Any, fit: Mapping[str, Any], positional: int
) -> list[Trainer]:
    """Returns the trainers; the last one can train everything.

    Args:
        tuner: The tuner.
        fit: The arguments of `search` for `model.fit`, by name.
        positional: Integer: how many arguments `search` got without names.
    """
    objective = tuner.oracle.objective
    one_by_one = OneByOne(tuner.hypermodel, objective, positional)
    together = PopulationTrainer(
        tuner.hypermodel,
        objective,
        tuner.oracle.seed,
        _waves.most_at_once(tuner.oracle),
        steps_of(tuner, fit),
        one_by_one,
    )
    return [together, one_by_one]

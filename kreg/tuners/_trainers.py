"""Which trainers a search asks, the quickest first."""

from typing import Any

from kreg.tuners._one_by_one import OneByOne
from kreg.tuners._population_trainer import PopulationTrainer
from kreg.tuners._runs import Trainer


def trainers_of(tuner: Any, positional: int) -> list[Trainer]:
    """Returns the trainers; the last one can train everything.

    Args:
        tuner: The tuner.
        positional: Integer: how many arguments `search` got without names.
    """
    objective = tuner.oracle.objective
    one_by_one = OneByOne(tuner.hypermodel, objective, positional)
    together = PopulationTrainer(
        tuner.hypermodel, objective, tuner.oracle.seed, one_by_one
    )
    return [together, one_by_one]

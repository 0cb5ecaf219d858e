"""Which trainers a search asks, the quickest first."""

from typing import Any

from kreg.tuners._one_by_one import OneByOne
from kreg.tuners._runs import Trainer


def trainers_of(tuner: Any, positional: int) -> list[Trainer]:
    """Returns the trainers; the last one can train everything.

    Args:
        tuner: The tuner.
        positional: Integer: how many arguments `search` got without names.
    """
    return [OneByOne(tuner.hypermodel, tuner.oracle.objective, positional)]

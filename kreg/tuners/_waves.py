"""How many trials of a search are asked for and trained together."""

import math
from collections.abc import Mapping
from typing import Any

import keras_tuner

from kreg.tuners._runs import Wave

# Of an oracle that learns from the trials so far: of more at once it would
# learn later, and they train but a tenth quicker.
_LEARNING = 32
_INDEPENDENT = 64


def most_at_once(oracle: Any) -> int:
    """Returns how many runs may be trained together, if they fit in memory."""
    independent = (
        keras_tuner.oracles.RandomSearchOracle,
        keras_tuner.oracles.GridSearchOracle,
    )
    return _INDEPENDENT if isinstance(oracle, independent) else _LEARNING


def even(trials: int | None, most: int) -> int:
    """Returns the size of waves that are as few, and then as even, as can be.

    What is compiled for the first wave serves all, and the last one does not
    train rows that nobody asked for.

    Args:
        trials: Integer, or `None` if there is no saying how many there are.
        most: Integer >= 1: how many fit.
    """
    if not trials:
        return most
    return math.ceil(trials / math.ceil(trials / most))


def first_to_end(asked: Wave) -> tuple[Wave, Wave]:
    """Returns the trials to train first, which end at the first epoch.

    The trials that Hyperband promotes from several brackets then train
    together. Other oracles leave the epochs to `search`, the same for all.

    Args:
        asked: The trials that have been asked for, each with its runs.

    Returns:
        Tuple of those trials, and of the rest.
    """
    spans = [_span(trial.hyperparameters.values) for trial, _ in asked]
    first = min(spans)
    pairs = list(zip(asked, spans, strict=True))
    return (
        [each for each, span in pairs if span == first],
        [each for each, span in pairs if span != first],
    )


def _span(values: Mapping[str, Any]) -> tuple[int, int]:
    """Returns the epoch that a trial ends before, and its first one."""
    return values.get("tuner/epochs", 0), values.get("tuner/initial_epoch", 0)

"""How many trials of a search are asked for and trained together."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

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


def first_to_end(trials: Sequence[Any]) -> list[Any]:
    """Returns the trials to train first: those that end at the first epoch.

    The trials that Hyperband promotes from several brackets then train
    together. Other oracles leave the epochs to `search`, the same for all.

    Args:
        trials: List of trials that have been asked for.
    """
    spans = [_span(trial.hyperparameters.values) for trial in trials]
    first = min(spans)
    return [t for t, span in zip(trials, spans, strict=True) if span == first]


def _span(values: Mapping[str, Any]) -> tuple[int, int]:
    """Returns the epoch that a trial ends before, and its first one."""
    return values.get("tuner/epochs", 0), values.get("tuner/initial_epoch", 0)

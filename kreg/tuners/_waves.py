"""How many trials of a search are asked for and trained together."""

import collections
import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras_tuner

from kreg.tuners._runs import Run, Wave

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


def next_wave(asked: Wave, room: int) -> tuple[Wave, int]:
    """Returns the trials to train now, and the epoch to stop before.

    They are those that end first; and, as far as there is room, others that
    are at the same epoch, which then pause. What Hyperband promotes from
    several brackets, and what is under way, so trains together. Other oracles
    leave the epochs to `search`, the same for all.

    Args:
        asked: The trials that have been asked for, each with its runs.
        room: Integer. How many trials may be in a wave so that some pause.
    """
    spans = [_span(runs) for _, runs in asked]
    until, begin = min(spans)
    first = {i for i, span in enumerate(spans) if span == (until, begin)}
    others = [i for i, (_, now) in enumerate(spans) if now == begin]
    others = [i for i in others if i not in first]
    chosen = first.union(others[: max(0, room - len(first))])
    return [asked[i] for i in sorted(chosen)], until


def _span(runs: Sequence[Run]) -> tuple[int, int]:
    """Returns the epoch that a trial ends before, and the one it is at."""
    return runs[0].epochs, max(run.next_epoch for run in runs)


def largest_rung(trials: Iterable[Any]) -> int:
    """Returns how many trials have the same first and last epoch, at most.

    A wave of as many needs nothing compiled that is not needed anyway.

    Args:
        trials: The trials of an oracle.
    """
    values = [trial.hyperparameters.values for trial in trials]
    rungs = collections.Counter(
        (of.get("tuner/initial_epoch"), of.get("tuner/epochs")) for of in values
    )
    return max(rungs.values())

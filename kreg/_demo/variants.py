"""The four ways in which the demo trains its network."""

import math
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kreg import layers, schedules
from kreg._demo.data import Data
from kreg._demo.network import BATCH_SIZE, fit_arguments, network
from kreg.regularizers import L2
from kreg.tuners import RandomSearch, RegularizationSpace

TEXTBOOK_L2 = 1e-4
TEXTBOOK_RATE = 0.5
SEARCH_SEED = 0
STRENGTH = (1e-5, 1e-2)
SHOWN = 3


class Variant(NamedTuple):
    """A name and how to build its model."""

    name: str
    build: Callable[[], keras.Model]


class Found(NamedTuple):
    """What the search found."""

    variant: Variant
    l2: float
    rate: float
    val_data_loss: float


def given(data: Data, epochs: int) -> list[Variant]:
    """Returns the three variants that need no search."""
    steps = math.ceil(len(data.train.x) / BATCH_SIZE) * epochs
    rise = schedules.Ramp(steps / 2)
    l2, rate = TEXTBOOK_L2, TEXTBOOK_RATE
    return [
        Variant("no regularization", lambda: _fixed(0.0, 0.0)),
        Variant(f"L2 {l2:g}, dropout {rate:g}", lambda: _fixed(l2, rate)),
        Variant(
            f"L2 {l2:g}, dropout 0 to {rate:g}",
            lambda: _fixed(l2, rate, rise),
        ),
    ]


def search(
    data: Data, epochs: int, trials: int, report: Callable[[str], None]
) -> Found:
    """Searches lambda and rate by the validation loss without penalty.

    Args:
        data: What to train and validate with.
        epochs: Integer >= 1. Epochs of each trial.
        trials: Integer >= 1.
        report: Called with a line of text for each of the best trials.

    Returns:
        `Found`.
    """
    with tempfile.TemporaryDirectory() as directory:
        tuner = RandomSearch(
            _build_from_space,
            max_trials=trials,
            seed=SEARCH_SEED,
            directory=directory,
        )
        tuner.search(**fit_arguments(data, epochs), verbose=0)
        done = [
            (r.objective, r) for r in tuner.results if r.objective is not None
        ]
        (best,) = tuner.get_best_hyperparameters()
    ranked = sorted(done, key=lambda pair: pair[0])
    for _, result in ranked[:SHOWN]:
        report(_line(result))
    l2, rate = _values(best)
    variant = Variant(
        f"best of {trials} trials", lambda: _build_from_space(best.copy())
    )
    return Found(variant, l2, rate, ranked[0][0])


def _line(result: Any) -> str:
    # Both hidden layers have the same strengths: the last of each is shown.
    last = {p.split("/")[-1]: v for p, v in result.strengths.items()}
    return (
        f"{result.objective:.4f} with L2 {last['l2']:.2g}, dropout "
        f"{last['rate']:.2g}: {result.verdict.status}"
    )


def _fixed(l2: float, rate: float, schedule: Any = None) -> keras.Model:
    return network(
        [L2(l2) for _ in range(2)],
        [layers.ScheduledDropout(rate, schedule) for _ in range(2)],
    )


def _build_from_space(hp: Any) -> keras.Model:
    space = RegularizationSpace(hp, strength=STRENGTH)
    return network(
        [space.l2("hidden") for _ in range(2)],
        [space.dropout("hidden") for _ in range(2)],
    )


def _values(hp: Any) -> tuple[float, float]:
    space = RegularizationSpace(hp.copy(), strength=STRENGTH)
    return space.l2("hidden").l2.value, space.dropout("hidden").rate.value

"""The four ways in which the demo trains its network."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kreg import layers, schedules
from kreg._demo.data import Data
from kreg._demo.network import BATCH_SIZE, fit_arguments, network
from kreg.callbacks import OverfitMonitor
from kreg.regularizers import L2
from kreg.tuners import RegularizationSpace
from kreg.tuners._stock_search import random_search

TEXTBOOK_L2 = 1e-4
TEXTBOOK_RATE = 0.5
SEARCH_SEED = 0
STRENGTH = (1e-5, 1e-2)


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
        report: Called with a line of text after each trial.

    Returns:
        `Found`.
    """
    monitor = OverfitMonitor(train_data=tuple(data.train))
    best, score, _ = random_search(
        _build_trial,
        monitor,
        trials,
        SEARCH_SEED,
        (_Progress(monitor, trials, report),),
        **fit_arguments(data, epochs),
    )
    l2, rate = _values(best)
    variant = Variant(
        f"best of {trials} trials", lambda: _build_from_space(best.copy())
    )
    return Found(variant, l2, rate, score)


def _fixed(l2: float, rate: float, schedule: Any = None) -> keras.Model:
    return network(
        [L2(l2) for _ in range(2)],
        [layers.ScheduledDropout(rate, schedule) for _ in range(2)],
    )


def _build_trial(hp: Any) -> keras.Model:
    keras.utils.set_random_seed(SEARCH_SEED)  # trials differ in `hp` alone
    return _build_from_space(hp)


def _build_from_space(hp: Any) -> keras.Model:
    space = RegularizationSpace(hp, strength=STRENGTH)
    return network(
        [space.l2("hidden") for _ in range(2)],
        [space.dropout("hidden") for _ in range(2)],
    )


def _values(hp: Any) -> tuple[float, float]:
    space = RegularizationSpace(hp.copy(), strength=STRENGTH)
    return space.l2("hidden").l2.value, space.dropout("hidden").rate.value


class _Progress(keras.callbacks.Callback):
    """Reports each trial's best loss; KerasTuner's copies share its state."""

    def __init__(
        self,
        monitor: OverfitMonitor,
        trials: int,
        report: Callable[[str], None],
    ):
        super().__init__()
        self.monitor = monitor
        self.trials = trials
        self.report = report

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Progress":
        return self

    def on_train_end(self, logs: Any = None) -> None:
        """Reports the trial that has just ended."""
        runs = self.monitor.runs
        loss = min(runs[-1].history["val_data_loss"])
        self.report(
            f"trial {len(runs)} of {self.trials}: "
            f"validation loss without penalty {loss:.4f} at best"
        )

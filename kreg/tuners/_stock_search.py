"""A search with a stock tuner of KerasTuner, as a user would write it."""

import tempfile
from collections.abc import Callable
from typing import Any

import keras_tuner

from kreg.callbacks import OverfitMonitor
from kreg.diagnosis import Verdict
from kreg.tuners._verdicts import verdicts


def random_search(
    build: Callable[[Any], Any],
    monitor: OverfitMonitor,
    trials: int,
    seed: int,
    callbacks: tuple[Any, ...] = (),
    **fit: Any,
) -> tuple[Any, float, tuple[Verdict, ...]]:
    """Finds the hyperparameters with the least `val_data_loss`.

    Args:
        build: Function of `hp` that returns a compiled model.
        monitor: The monitor that adds `val_data_loss` to the logs.
        trials: Integer >= 1. How many models to train.
        seed: Integer. Seed of the search.
        callbacks: Further callbacks of `search`.
        **fit: Arguments of `model.fit`.

    Returns:
        Tuple of the best `keras_tuner.HyperParameters`, their `val_data_loss`
        and the verdicts on the trial that had them.
    """
    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.RandomSearch(
            build,
            keras_tuner.Objective("val_data_loss", "min"),
            max_trials=trials,
            seed=seed,
            directory=directory,
            overwrite=True,
        )
        tuner.search(callbacks=[monitor, *callbacks], verbose=0, **fit)
        (best,) = tuner.oracle.get_best_trials(1)
        judged = verdicts(tuner, monitor)[best.trial_id]
    return best.hyperparameters, float(best.score), judged

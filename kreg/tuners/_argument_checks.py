"""Arguments of the tuners and of `search` that cannot be meant."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from kreg._validation import (
    check_count,
    check_non_negative,
    check_positive,
    check_whole,
    fail,
)
from kreg.population import _fit_checks
from kreg.tuners import _fit_arguments, _folds


def check_known(arguments: Mapping[str, Any]) -> None:
    """Raises if a tuner of KerasTuner's does not take an argument.

    KerasTuner says so itself, but after `overwrite` has removed a project.

    Args:
        arguments: Mapping of names to what was given.
    """
    known = {"logger"}  # which KerasTuner takes without naming it
    for cls in keras_tuner.Tuner.__mro__:
        known.update(inspect.signature(cls.__init__).parameters)  # type: ignore[misc]
    unknown = sorted(arguments.keys() - known)
    if unknown:
        raise ValueError(
            f"Unrecognized arguments {unknown}. Expected those of "
            "`keras_tuner.Tuner`."
        )


def check_oracle(
    max_trials: Any,
    max_retries_per_trial: Any,
    max_consecutive_failed_trials: Any,
    seed: Any,
    hyperparameters: Any,
) -> None:
    """Raises if an argument of the oracles is not as described.

    KerasTuner takes `max_trials=0` for no limit, and finds out about most
    others in the first trial or later.
    """
    if max_trials is not None:
        check_count(max_trials, "max_trials")
    check_whole(max_retries_per_trial, "max_retries_per_trial")
    check_count(max_consecutive_failed_trials, "max_consecutive_failed_trials")
    if seed is not None:
        check_whole(seed, "seed")
    wanted = keras_tuner.HyperParameters
    if hyperparameters is not None and not isinstance(hyperparameters, wanted):
        fail("hyperparameters", "keras_tuner.HyperParameters", hyperparameters)


def check_bayesian(num_initial_points: Any, alpha: Any, beta: Any) -> None:
    """Raises if an argument of `BayesianOptimization` is no such number."""
    if num_initial_points is not None:
        check_count(num_initial_points, "num_initial_points")
    check_positive(alpha, "alpha")
    check_non_negative(beta, "beta")


def check_brackets(
    max_epochs: Any, factor: Any, hyperband_iterations: Any
) -> None:
    """Raises if an argument of `Hyperband` is no such number."""
    check_count(max_epochs, "max_epochs")
    if check_count(factor, "factor") < 2:
        fail("factor", "an integer >= 2", factor)
    check_count(hyperband_iterations, "hyperband_iterations")


def check_search(
    model: Any, fit: Mapping[str, Any], callbacks: Sequence[Any]
) -> None:
    """Raises if `model.fit` will not take the arguments of `search`.

    Args:
        model: A model of the search, whose `fit` is Keras's.
        fit: The arguments of `search`, by name.
        callbacks: List of the callbacks.
    """
    if not model.compiled:
        raise ValueError(
            "Invalid value for argument `hypermodel`. Expected a build "
            "function that returns a compiled model. Received: a "
            f"{type(model).__name__} that is not compiled"
        )
    known = inspect.signature(keras.Model.fit).parameters
    for name in fit:
        if name not in known:
            raise TypeError(
                f"`search` got an unexpected argument {name!r}: it takes those "
                "of `model.fit`."
            )
    if fit.get("x") is None:
        fail("x", "arrays, or a dataset", None)
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            fail("callbacks", "callbacks of Keras", callback)
    _fit_checks.check_numbers(fit)
    if fit.get("epochs") is not None:
        check_count(fit["epochs"], "epochs")
    if _fit_arguments.training_data(fit) is not None:
        lengths = {len(array) for array in _folds.arrays_of(fit)}
        if len(lengths) > 1:
            raise ValueError(
                "Expected `x`, `y` and `sample_weight` with equally many rows. "
                f"Received: arrays with {sorted(lengths)} rows"
            )

"""What can be known to be wrong before the first trial."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from kreg._validation import fail
from kreg.callbacks import OverfitMonitor
from kreg.population import _building
from kreg.tuners import _fit_arguments, _grid

# What `kreg.callbacks.OverfitMonitor` adds to the logs.
_WITH_VALIDATION = ("penalty", "val_data_loss")
_WITH_ARRAYS = ("train_data_loss", "generalization_gap")
_OF_MONITOR = (*_WITH_VALIDATION, *_WITH_ARRAYS)


def with_direction(objective: Any) -> Any:
    """Returns `objective` with the direction of kreg's own log keys.

    KerasTuner infers the direction of Keras's losses and metrics alone.
    """
    if isinstance(objective, list):
        return [with_direction(each) for each in objective]
    if isinstance(objective, str) and objective in _OF_MONITOR:
        return keras_tuner.Objective(objective, "min")
    return objective


def names_of(objective: Any) -> list[str]:
    """Returns the keys of the logs that an objective is made of."""
    return list(getattr(objective, "name_to_direction", [objective.name]))


def needs_monitor(names: Sequence[str], callbacks: Sequence[Any]) -> bool:
    """Tells whether a monitor must add one of the keys to the logs."""
    given = any(isinstance(c, OverfitMonitor) for c in callbacks)
    return not given and any(name in _OF_MONITOR for name in names)


def probe_of(
    names: Sequence[str], fit: Mapping[str, Any], hypermodel: Any
) -> tuple[Any, ...] | None:
    """Returns the training data for a monitor to measure, or `None`.

    What a `HyperModel.fit` of the user's makes of the data nobody knows: of a
    model that it trains on scaled or cropped images these are no measure.

    Args:
        names: The keys of the logs that the objective is made of.
        fit: The arguments of `search`, by name.
        hypermodel: `keras_tuner.HyperModel`.
    """
    is_asked_for = any(name in _WITH_ARRAYS for name in names)
    if _fit_arguments.has_own_fit(hypermodel) and not is_asked_for:
        return None
    return _fit_arguments.training_data(fit)


def check_population(value: Any) -> Any:
    """Returns `value` if it is `"auto"` or an integer >= 1, or raises."""
    if isinstance(value, str) and value == "auto":
        return value
    is_integer = isinstance(value, (int, np.integer))
    if isinstance(value, bool) or not is_integer or value < 1:
        fail("population", "'auto' or an integer >= 1", value)
    return int(value)


def check_space(oracle: Any) -> None:
    """Raises if there is nothing to tune; warns if there is too little.

    Args:
        oracle: The oracle, with the space that the build function declares.
    """
    space = oracle.hyperparameters.space
    if not any(_grid.is_tunable(hp) for hp in space):
        names = [hp.name for hp in space]
        raise ValueError(
            "Invalid value for argument `hypermodel`. Expected a build "
            "function that declares a hyperparameter with more than one "
            f"value. Received: nothing to tune, it declares {names}"
        )
    limit = oracle.max_trials
    is_grid = isinstance(oracle, keras_tuner.oracles.GridSearchOracle)
    if limit is None or not (is_grid or _grid.is_finite(space)):
        return
    points = _grid.count_points(space, limit, of_grid=is_grid)
    if points < limit:
        warnings.warn(
            f"`max_trials={limit}` is more than the {points} points of the "
            "search space: the search ends when all have been tried.",
            stacklevel=4,
        )


def check_is_logged(
    objective: Any,
    model: Any,
    fit: Mapping[str, Any],
    has_validation: bool,
    callbacks: Sequence[Any],
) -> None:
    """Raises `ValueError` if the logs will not have the objective.

    Where that cannot be known before training (a training step or a callback
    of the user's own, a generator), nothing is raised.

    Args:
        objective: `keras_tuner.Objective`.
        model: A compiled model; its metrics are run on a few samples.
        fit: The arguments of `search`, by name.
        has_validation: Boolean: whether there is validation data.
        callbacks: List of the callbacks of `search`.
    """
    wanted = names_of(objective)
    if any(_may_log_more(callback) for callback in callbacks):
        return
    keys = _keys(model, fit, has_validation)
    if keys is None:
        return
    missing = [name for name in wanted if name not in keys]
    if not missing:
        return
    hint = (
        ""
        if has_validation or not missing[0].startswith("val_")
        else " Pass `validation_data`, `validation_split` or `folds`."
    )
    raise ValueError(
        "Invalid value for argument `objective`. Expected one of the keys that "
        f"the logs will have, {sorted(keys)}. Received: "
        f"objective={missing[0]!r}.{hint}"
    )


def _keys(
    model: Any, fit: Mapping[str, Any], has_validation: bool
) -> set[str] | None:
    samples = _fit_arguments.a_few_samples(fit)
    if samples is None or has_own_step(model):
        return None
    try:
        names = _metric_names(model, *samples)
    except Exception:  # what is wrong with it, the first trial will tell
        return None
    keys = set(names)
    if has_validation:
        keys |= {f"val_{name}" for name in names} | set(_WITH_VALIDATION)
        if _fit_arguments.training_data(fit) is not None:
            keys |= set(_WITH_ARRAYS)
    return keys


def _metric_names(model: Any, x: Any, y: Any) -> set[str]:
    # Keras names the metrics of several outputs when it first meets them.
    _building.build_for(model, x)
    return {"loss", *_building.build_metrics(model, (x, y, None))}


def has_own_step(model: Any) -> bool:
    methods = ("train_step", "test_step", "fit")
    return any(
        getattr(type(model), name, None) is not getattr(keras.Model, name, None)
        for name in methods
    )


def _may_log_more(callback: Any) -> bool:
    if isinstance(callback, OverfitMonitor):
        return False
    if isinstance(callback, keras.callbacks.LambdaCallback):
        return True  # the function that it is given is an attribute
    is_kerass = type(callback).__module__.split(".")[0] == "keras"
    plain = keras.callbacks.Callback.on_epoch_end
    return not is_kerass and type(callback).on_epoch_end is not plain

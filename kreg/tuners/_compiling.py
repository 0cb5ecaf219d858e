"""Whether XLA pays in a search on a CPU."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

from kreg._structure import walk
from kreg.tuners import _fit_arguments

# On two cores, XLA takes a second to compile the step of a small network of
# dense layers, and then saves 0.05 ms a trial, a third of the step; where there
# is attention, the step takes 1.6 times as long.
_FEWEST_STEPS = 20_000
_QUICK = (
    keras.Sequential,
    keras.Model,
    keras.layers.InputLayer,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Embedding,
    keras.layers.Flatten,
    keras.layers.Add,
    keras.layers.Concatenate,
    keras.layers.GlobalAveragePooling1D,
)


def xla_for(model: Any, steps: int) -> str:
    """Returns `jit_compile` of the populations of a search.

    Args:
        model: A model of the search.
        steps: Integer: about how many steps its trials take in all.
    """
    layers = (layer for _, layer in walk(model))
    is_quick = all(
        type(layer) in _QUICK or type(layer).__module__.startswith("kreg.")
        for layer in layers
    )
    return "try" if is_quick and steps >= _FEWEST_STEPS else "auto"


def steps_of(tuner: Any, fit: Mapping[str, Any]) -> int:
    """Returns about how many steps all trials of a search take in all.

    0 if that is not known before.

    Args:
        tuner: The tuner.
        fit: The arguments of `search` for `model.fit`, by name.
    """
    steps = fit.get("steps_per_epoch")
    if steps is None:
        samples = _fit_arguments.training_size(fit)
        steps = math.ceil(samples / _fit_arguments.batch_size(fit))
    runs_per_trial = tuner.executions_per_trial * (tuner.folds or 1)
    return int(steps) * _epochs_of(tuner.oracle, fit) * runs_per_trial


def _epochs_of(oracle: Any, fit: Mapping[str, Any]) -> int:
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle):
        brackets = math.floor(math.log(oracle.max_epochs, oracle.factor)) + 1
        # A rung trains in the stack of the largest one, if that costs little.
        rows = oracle.factor ** (brackets - 1)
        epochs = brackets * oracle.max_epochs * oracle.hyperband_iterations
        return int(epochs * rows)
    return int(fit.get("epochs") or 1) * int(oracle.max_trials or 1)

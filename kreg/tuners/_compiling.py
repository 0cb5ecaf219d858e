"""Whether XLA pays in a search on a CPU."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

from kreg._structure import walk
from kreg.tuners import _fit_arguments

# More trials at once are hardly quicker, and a search that learns from its
# trials learns later.
AT_MOST = 32

# On two cores, XLA takes a second to compile the step of a small network of
# dense layers, and then between half and nine tenths of the time of the same
# step without it; 1.6 times as long where there is attention.
_FEWEST_STEPS = 2000
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
        steps: Integer: about how many steps will be taken.
    """
    layers = (layer for _, layer in walk(model))
    is_quick = all(
        type(layer) in _QUICK or type(layer).__module__.startswith("kreg.")
        for layer in layers
    )
    return "try" if is_quick and steps >= _FEWEST_STEPS else "auto"


def steps_of(tuner: Any, fit: Mapping[str, Any]) -> int:
    """Returns about how many steps the waves of a search take.

    0 if that is not known before.

    Args:
        tuner: The tuner.
        fit: The arguments of `search` for `model.fit`, by name.
    """
    steps = fit.get("steps_per_epoch")
    if steps is None:
        samples = _fit_arguments.training_size(fit)
        steps = math.ceil(samples / _fit_arguments.batch_size(fit))
    return int(steps) * _epochs_of(tuner, fit)


def _epochs_of(tuner: Any, fit: Mapping[str, Any]) -> int:
    oracle = tuner.oracle
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle):
        brackets = math.floor(math.log(oracle.max_epochs, oracle.factor)) + 1
        return brackets * oracle.max_epochs * oracle.hyperband_iterations
    runs_per_trial = tuner.executions_per_trial * (tuner.folds or 1)
    runs = (oracle.max_trials or 1) * runs_per_trial
    return int(fit.get("epochs") or 1) * math.ceil(runs / AT_MOST)

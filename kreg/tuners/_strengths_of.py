"""How strongly a model is regularized, by kreg's layers or by Keras's."""

from typing import Any

import keras

import kreg._strengths as kreg_strengths
from kreg._structure import walk

_PENALTIES = ("kernel", "bias", "recurrent", "embeddings", "activity")
_FACTORS = ("l1", "l2")
_NOISE = ("rate", "stddev")
_NOISE_LAYERS = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
)


def strengths_of(model: Any) -> dict[str, float]:
    """Returns lambdas and rates by path, those of Keras's own layers too."""
    found = {
        path: float(strength.last_known)
        for path, strength in kreg_strengths.strengths(model).items()
    }
    for path, layer in walk(model):
        for name, value in _of_keras(layer):
            if isinstance(value, (int, float)):
                found.setdefault(f"{path}/{name}", float(value))
    return found


def _of_keras(layer: Any) -> Any:
    for role in _PENALTIES:
        penalty = getattr(layer, f"{role}_regularizer", None)
        for factor in _FACTORS:
            yield f"{role}_regularizer/{factor}", _number(penalty, factor)
    if isinstance(layer, _NOISE_LAYERS):
        for name in _NOISE:
            yield name, _number(layer, name)


def _number(holder: Any, name: str) -> Any:
    value = getattr(holder, name, None)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None

"""How many trials fit in memory."""

import math
from typing import Any

import keras

# A weight itself and in the trial's own model, its gradient, two moments, the
# best epoch's; and what a step puts in the place of three of these.
_COPIES_OF_WEIGHTS = 9
# An output of a layer is kept for its gradient, and so are masks and the like.
_COPIES_OF_OUTPUTS = 4
_BYTES = 4
_SHARE = 0.5


def bytes_per_trial(model: Any, batch_size: int) -> int:
    """Returns about how many bytes a trial of this model needs in a stack.

    Args:
        model: Built Keras model.
        batch_size: Integer. Samples that pass through it at once.
    """
    weights = sum(math.prod(v.shape) for v in model.variables)
    outputs = sum(_output_size(layer) for layer in _layers(model))
    return _BYTES * (
        _COPIES_OF_WEIGHTS * weights + _COPIES_OF_OUTPUTS * batch_size * outputs
    )


def trials_that_fit(model: Any, batch_size: int, most: int) -> int:
    """Returns how many trials to train at once, from 1 to `most`."""
    per_trial = max(1, bytes_per_trial(model, batch_size))
    return max(1, min(most, int(_SHARE * free_bytes() / per_trial)))


def free_bytes() -> int:
    """Returns the free memory of the device that models are trained on."""
    if keras.backend.backend() == "jax":
        from kreg.population._devices_jax import free_device_bytes
    else:
        from kreg.population._devices_tensorflow import free_device_bytes
    on_device = free_device_bytes()
    return _free_host_bytes() if on_device is None else on_device


def _free_host_bytes() -> int:
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 4 * 2**30  # no Linux: what a small laptop has to spare


def _layers(model: Any) -> list[Any]:
    return list(getattr(model, "layers", [])) or [model]


def _output_size(layer: Any) -> int:
    try:
        shapes = [tuple(t.shape) for t in keras.tree.flatten(layer.output)]
    except (AttributeError, RuntimeError, ValueError):  # it has no output yet
        return 0
    return sum(math.prod(d or 1 for d in shape[1:]) for shape in shapes)

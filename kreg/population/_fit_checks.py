"""What can be seen to be wrong with the arguments of `fit`."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kreg._validation import check_count, check_whole, fail
from kreg.callbacks import _batches

_COUNTS = (
    "batch_size",
    "steps_per_epoch",
    "validation_steps",
    "validation_batch_size",
)


def check_numbers(arguments: Mapping[str, Any]) -> None:
    """Raises `ValueError` at the first that is no such number.

    Args:
        arguments: Arguments of `fit`, by name; `None` passes.
    """
    for name in _COUNTS:
        if arguments.get(name) is not None:
            check_count(arguments[name], name)
    for name in ("epochs", "initial_epoch"):
        if arguments.get(name) is not None:
            check_whole(arguments[name], name)
    share = arguments.get("validation_split") or 0.0
    if not (isinstance(share, (int, float, np.number)) and 0 <= share < 1):
        fail("validation_split", "a float in [0, 1)", share)
    _check_frequency(arguments.get("validation_freq", 1))


def _check_frequency(value: Any) -> None:
    given = value if isinstance(value, Sequence) else [value]
    is_integers = all(isinstance(each, numbers.Integral) for each in given)
    if not is_integers or min(given, default=0) < 1:
        fail("validation_freq", "a positive integer, or a list of them", value)


def check_arrays(arguments: Mapping[str, Any]) -> None:
    """Raises `ValueError` if arrays do not go with the other arguments.

    Args:
        arguments: Arguments of `fit`, by name, in which `x` is no batches.
    """
    for name in ("x", "y"):
        value = arguments[name]
        if value is not None and not _batches.is_arrays(value):
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected arrays, or "
                "batches as `x` alone. Received: "
                f"{name} of type {type(value).__name__}"
            )
    if arguments["steps_per_epoch"] is not None:
        # Keras then goes through the samples once, in all epochs together.
        fail(
            "steps_per_epoch",
            "`None` where `x` is arrays",
            arguments["steps_per_epoch"],
        )


def not_fitting(example: Any, error: Exception) -> ValueError:
    """Returns the error for samples that the models cannot be run on.

    Args:
        example: Tuple `(x, y, sample_weight)`.
        error: What the models raised.
    """
    x, y, _ = keras.tree.map_structure(
        lambda a: None if a is None else f"{a.dtype}{list(a.shape[1:])}",
        example,
    )
    return ValueError(
        "Expected samples that the models and their losses can be run on. "
        f"Received: x={x}, y={y}: {_reason(error)}"
    )


def _reason(error: Exception) -> str:
    """Returns what Keras, which puts frames around it, has to say."""
    innermost = str(error).split("\x1b[1m")[-1].split("\x1b[0m")[0]
    return " ".join(innermost.split()) or type(error).__name__

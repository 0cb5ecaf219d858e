"""Ranges of hyperparameters, and what KerasTuner does not say about them."""

import math
from typing import Any

from kreg._validation import FLOAT32_MAX, check_strength, fail


def check_strengths(value: Any, name: str) -> tuple[float, float]:
    """Returns `value` as two floats, or raises if they span no lambdas."""
    expected = "a pair (low, high) of finite floats with 0 < low < high"
    low, high = _pair(value, name, expected)
    if not 0 < low < high <= FLOAT32_MAX:
        fail(name, expected, value)
    return low, high


def check_rates(value: Any, name: str) -> tuple[float, float]:
    """Returns `value` as two floats, or raises if they span no rates."""
    expected = "a pair (low, high) of floats with 0 <= low < high <= 1"
    low, high = _pair(value, name, expected)
    if not 0 <= low < high <= 1:
        fail(name, expected, value)
    return low, high


def refuse_another(
    hp: Any, name: str, argument: str, wanted: tuple[float, float]
) -> None:
    """Raises if `name` stands in the space with another range alone.

    KerasTuner returns what was declared first and ignores the second range.

    Args:
        hp: `keras_tuner.HyperParameters` in which `name` is declared.
        name: String, without the open name scopes.
        argument: String. The argument that holds the range.
        wanted: The range that is asked for now.

    Raises:
        ValueError: If no hyperparameter of that name has the range `wanted`.
    """
    full = _full_name(hp, name)
    ranges = [
        (getattr(p, "min_value", None), getattr(p, "max_value", None))
        for p in hp.space
        if p.name == full
    ]
    if wanted not in ranges:
        fail(
            argument,
            f"{ranges[0]}, the range under which {full!r} was declared before",
            wanted,
            "Give one of the two another name.",
        )


def _full_name(hp: Any, name: str) -> str:
    """Returns `name` with the name scopes that are open in `hp`.

    KerasTuner has no way to ask for them. But `hp.get(name)` looks `name` up
    inside the open scopes, and `hp.values` is a plain dict: the entry under
    which a mark must be put for `get` to find it has the name in full.
    """
    mark = object()
    for full in dict.fromkeys(p.name for p in hp.space):
        if full != name and not full.endswith(f"/{name}"):
            continue
        before = dict(hp.values)
        hp.values[full] = mark
        try:
            if hp.get(name) is mark:
                return full
        except (KeyError, ValueError):
            continue  # another scope's: this one has no value in this trial
        finally:
            hp.values.clear()
            hp.values.update(before)
    raise KeyError(name)


def _pair(value: Any, name: str, expected: str) -> tuple[float, float]:
    if not (isinstance(value, (tuple, list)) and len(value) == 2):
        fail(name, expected, value)
    try:
        low, high = (check_strength(bound, name, math.inf) for bound in value)
    except ValueError:
        fail(name, expected, value)
    return low, high

"""Cross-validation: which rows train, and which validate."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kreg._validation import fail

Rows = tuple[np.ndarray, np.ndarray]


def check_folds(value: Any) -> int | None:
    """Returns `value` if it is `None` or an integer >= 2, or raises."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(
        value, bool
    )
    if value is not None and not (is_integer and value >= 2):
        fail("folds", "None or an integer >= 2", value)
    return None if value is None else int(value)


def check_data(fit: Mapping[str, Any], folds: int) -> int:
    """Returns the number of samples.

    Args:
        fit: The arguments of `search`, by name.
        folds: Integer >= 2.

    Raises:
        ValueError: If the data is not arrays of at least `folds` rows, or the
            validation data is given as well.
    """
    given = {
        "validation_data": fit.get("validation_data") is not None,
        "validation_split": bool(fit.get("validation_split")),
    }
    for name, is_given in given.items():
        if is_given:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected none, since "
                f"`folds={folds}` takes the validation data from `x` and `y`. "
                "Keep data that judges the result apart from both."
            )
    arrays = arrays_of(fit)
    lengths = {len(a) for a in arrays} if all(map(_is_array, arrays)) else set()
    if not arrays or len(lengths) != 1:
        raise ValueError(
            "Invalid value for argument `x`. Expected arrays with equally many "
            f"rows, for `folds={folds}` has to choose rows: it cannot of "
            "generators and datasets. Received: x of type "
            f"{type(fit.get('x')).__name__}"
        )
    (count,) = lengths
    if count < folds:
        raise ValueError(
            "Invalid value for argument `folds`. Expected at most one fold a "
            f"sample. Received: folds={folds} and {count} samples"
        )
    return count


def rows_of_folds(count: int, folds: int, seed: int) -> list[Rows]:
    """Returns the rows to train on and to validate with, for each fold.

    All folds are of one size, so that they can be trained in one graph:
    `count // folds` samples validate, and the few that are left over when
    `folds` does not divide `count` always train.
    """
    order = np.random.default_rng(seed).permutation(count)
    size = count // folds
    parts = [order[f * size : (f + 1) * size] for f in range(folds)]
    return [(np.setdiff1d(order, part), np.sort(part)) for part in parts]


def take(fit: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """Returns the arguments of `fit` that train and validate on `rows`."""
    train, validation = rows
    names = ("x", "y", "sample_weight")
    given = {n: fit[n] for n in names if fit.get(n) is not None}

    def rows_of(name: str, chosen: np.ndarray) -> Any:
        return keras.tree.map_structure(
            lambda a: np.asarray(a)[chosen], given[name]
        )

    held_out = tuple(rows_of(name, validation) for name in given)
    return {
        **{k: v for k, v in fit.items() if k != "validation_split"},
        **{name: rows_of(name, train) for name in given},
        "validation_data": held_out,
    }


def arrays_of(fit: Mapping[str, Any]) -> list[Any]:
    """Returns all arrays of `x`, `y` and `sample_weight`."""
    names = ("x", "y", "sample_weight")
    given = [fit[name] for name in names if fit.get(name) is not None]
    return list(keras.tree.flatten(given))


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__")

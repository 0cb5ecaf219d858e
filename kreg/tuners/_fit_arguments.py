"""The arguments of `search`, which are those of `model.fit`."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import keras_tuner

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def by_name(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], hypermodel: Any
) -> dict[str, Any]:
    """Returns the arguments of a call of `fit`, by name.

    Args:
        args: Tuple of those without a name.
        kwargs: Those by name.
        hypermodel: `keras_tuner.HyperModel`; the names are those of its `fit`.
    """
    names = list(inspect.signature(keras.Model.fit).parameters)[1:]
    if has_own_fit(hypermodel):
        parameters = inspect.signature(hypermodel.fit).parameters.values()
        own = [p.name for p in parameters if p.kind in _POSITIONAL][2:]
        names[: len(own)] = own  # after `hp` and `model`
    if len(args) > len(names):
        raise TypeError(
            f"Expected at most {len(names)} positional arguments, those of "
            f"`fit`. Received: {len(args)}"
        )
    given = dict(zip(names, args, strict=False))
    twice = sorted(given.keys() & kwargs.keys())
    if twice:
        raise TypeError(f"`search` got several values for {twice}.")
    return {**given, **kwargs}


def has_own_fit(hypermodel: Any) -> bool:
    """Tells whether the user wrote how to fit."""
    stock = keras_tuner.HyperModel.fit
    return getattr(type(hypermodel), "fit", stock) is not stock


def callbacks_of(given: Any) -> list[Any]:
    """Returns the callbacks as a list, also of a bare one."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def has_validation(fit: Mapping[str, Any], folds: int | None) -> bool:
    """Tells whether there will be `val_loss`."""
    split = fit.get("validation_split") or 0.0
    has_data = fit.get("validation_data") is not None
    return folds is not None or has_data or split > 0


def training_data(fit: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Returns the arrays that train, or `None` if there are none."""
    x, y = fit.get("x"), fit.get("y")
    if y is None or not _are_arrays(x, y):
        return None
    data: tuple[Any, ...] = (x, y)
    if fit.get("sample_weight") is not None:
        data += (fit["sample_weight"],)
    split = fit.get("validation_split") or 0.0
    if split and fit.get("validation_data") is None:
        count = len(keras.tree.flatten(x)[0])
        trained = int(count * (1.0 - split))
        data = keras.tree.map_structure(lambda a: a[:trained], data)
    return data


def batch_size(fit: Mapping[str, Any]) -> int:
    """Returns the number of samples of a step."""
    return int(fit.get("batch_size") or 32)


def training_size(fit: Mapping[str, Any]) -> int:
    """Returns the number of samples to train on, 0 if that is not known."""
    data = training_data(fit)
    return 0 if data is None else len(keras.tree.flatten(data)[0])


def validation_size(fit: Mapping[str, Any]) -> int | None:
    """Returns the number of samples to validate with, if it is known."""
    data = fit.get("validation_data")
    if data is not None:
        is_tuple = isinstance(data, (tuple, list)) and len(data) > 1
        known = is_tuple and _are_arrays(data[0], data[1])
        return len(keras.tree.flatten(data[0])[0]) if known else None
    trained = training_size(fit)
    return training_size({**fit, "validation_split": 0.0}) - trained or None


def a_few_samples(fit: Mapping[str, Any], count: int = 8) -> Any:
    """Returns a small `(x, y)` of NumPy arrays.

    `None` if there is no telling without using the data up.
    """
    x, y = fit.get("x"), fit.get("y")
    if y is not None and _are_arrays(x, y):
        return _first((x, y), count)
    if not isinstance(x, Iterable) or iter(x) is x:
        return None  # a generator would be used up
    batch = next(iter(x), None)
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return _first(tuple(batch[:2]), count)
    return None


def _first(samples: Any, count: int) -> Any:
    return keras.tree.map_structure(
        lambda a: keras.ops.convert_to_numpy(a[:count]), samples
    )


def _are_arrays(x: Any, y: Any) -> bool:
    flat = keras.tree.flatten((x, y))
    return all(hasattr(a, "shape") and hasattr(a, "__getitem__") for a in flat)

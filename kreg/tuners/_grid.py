"""The points of a search space, one after another."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras_tuner

Values = dict[str, Any]

_hps = keras_tuner.engine.hyperparameters


def points(space: Any) -> Iterator[Values]:
    """Yields the values of every point, in the order of KerasTuner's grid.

    The default of a hyperparameter comes first, and the last hyperparameter
    changes fastest. A range without `step` has ten points, as in KerasTuner.
    A hyperparameter whose conditions are not met has no value.

    Args:
        space: List of hyperparameters, parents before children.

    Yields:
        Dicts of the active hyperparameters' values.
    """
    ordered = [(hp, _values(hp)) for hp in space]
    yield from _points(ordered, 0, keras_tuner.HyperParameters())


def _points(
    ordered: Sequence[tuple[Any, Any]], index: int, chosen: Any
) -> Iterator[Values]:
    if index == len(ordered):
        yield dict(chosen.values)
        return
    hp, values = ordered[index]
    if not chosen.is_active(hp) or hp.name in chosen.values:
        yield from _points(ordered, index + 1, chosen)
        return
    for value in values:
        chosen.values[hp.name] = value
        yield from _points(ordered, index + 1, chosen)
    del chosen.values[hp.name]


class Tried:
    """The points of the trials so far, each with all that it stands for.

    A trial has values for what was known when it was asked for, and for what
    its model declared. A point with the same values and more of them gives the
    same model, which asks for no others: `units_2` of a network of one layer.

    Args:
        found: Iterable of the values of each trial.
    """

    def __init__(self, found: Iterable[Values]):
        self._known: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
        for values in found:
            names = tuple(sorted(values))
            held = tuple(values[name] for name in names)
            self._known.setdefault(names, set()).add(held)

    def __contains__(self, values: Values) -> bool:
        return any(
            tuple(values.get(name) for name in names) in known
            for names, known in self._known.items()
        )


def is_finite(space: Any) -> bool:
    """Tells whether random sampling has finitely many points to choose from."""
    floats = [hp for hp in space if isinstance(hp, _hps.Float)]
    return all(hp.step is not None for hp in floats)


def count_points(space: Any, limit: int, of_grid: bool) -> int:
    """Returns how many points a finite space has; stops at `limit`.

    Args:
        space: List of hyperparameters.
        limit: Integer.
        of_grid: Boolean: count ten points of each range only.
    """
    values_of = _values if of_grid else _all_values
    ordered = [(hp, values_of(hp)) for hp in space]
    found = _points(ordered, 0, keras_tuner.HyperParameters())
    return sum(1 for _ in zip(range(limit), found, strict=False))


def untried(space: Any, is_tried: Any) -> Iterator[Values]:
    """Yields the points of a finite space that were not tried."""
    ordered = [(hp, _all_values(hp)) for hp in space]
    for values in _points(ordered, 0, keras_tuner.HyperParameters()):
        if not is_tried(values):
            yield values


def is_tunable(hp: Any) -> bool:
    """Tells whether a hyperparameter has more than one value."""
    return len(_values(hp)) > 1


def _values(hp: Any) -> list[Any]:
    if isinstance(hp, _hps.Fixed):
        return [hp.value]
    return list(dict.fromkeys([hp.default, *hp.values]))


def _all_values(hp: Any) -> Any:
    if _is_int_range(hp):
        return range(hp.min_value, hp.max_value + 1)
    return _values(hp)


def _is_int_range(hp: Any) -> bool:
    is_int = isinstance(hp, _hps.Int)
    return is_int and hp.step is None

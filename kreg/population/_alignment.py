"""Which variable of one model is which variable of another.

Two models of one architecture have the same layers in the same order, but
not under the same names (Keras numbers them), and a model of Keras has no
penalties that are layers where its twin of kreg has.
"""

from typing import Any

from kreg._structure import children, is_penalty, walk


def aligned(model: Any, other: Any) -> list[tuple[Any, Any]]:
    """Pairs the variables of two models of one architecture.

    Args:
        model: A built Keras model.
        other: Another, or its twin with kreg's layers in place of Keras's.

    Returns:
        List of tuples of a variable of `model` and one of `other`, without
        those that one of the two lacks.

    Raises:
        ValueError: If the two do not have the same layers.
    """
    pairs: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    layers, others = _layers(model), _layers(other)
    if len(layers) != len(others):
        raise ValueError(
            "Expected two models of one architecture. Received: models with "
            f"{len(layers)} and {len(others)} layers"
        )
    for layer, twin in zip(layers, others, strict=True):
        named, twins = _own(layer), _own(twin)
        for key, variable in named.items():
            if key in twins and id(variable) not in seen:
                seen.add(id(variable))
                pairs.append((variable, twins[key]))
    return pairs


class Twins:
    """Pairs the variables of many models of one architecture with one's.

    Which is which is found once for all whose layers have equally many. (A
    `Dropout` of Keras's with rate 0 has no seed.)

    Args:
        other: The one, a built model.
    """

    def __init__(self, other: Any):
        self._other = other
        self._found: dict[tuple[int, ...], list[Any]] = {}

    def of(self, model: Any) -> list[tuple[Any, Any]]:
        """Returns what `aligned(model, other)` would."""
        key = tuple(len(layer.variables) for _, layer in walk(model))
        variables = model.variables
        if key not in self._found:
            twins = {id(v): twin for v, twin in aligned(model, self._other)}
            self._found[key] = [twins.get(id(v)) for v in variables]
        pairs = zip(variables, self._found[key], strict=True)
        return [(v, twin) for v, twin in pairs if twin is not None]


def _layers(model: Any) -> list[Any]:
    return [layer for _, layer in walk(model) if not is_penalty(layer)]


def _own(layer: Any) -> dict[tuple[str, int], Any]:
    """Returns the variables of one layer, without those of layers in it."""
    inner = {id(v) for _, child in children(layer) for v in child.variables}
    found: dict[tuple[str, int], Any] = {}
    for variable in layer.variables:
        if id(variable) not in inner:
            count = sum(name == variable.name for name, _ in found)
            found[variable.name, count] = variable
    return found

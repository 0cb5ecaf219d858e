"""Which models have the same graph."""

from collections.abc import Sequence
from typing import Any

from kreg.population._building import build_for
from kreg.population._signature import describe


def grouped(models: Sequence[Any], x: Any = None) -> list[list[int]]:
    """Groups models that differ in strengths and learning rates alone.

    Args:
        models: Compiled Keras models.
        x: Optional inputs, a few samples, to build those that are not built.

    Returns:
        List of lists of their numbers, each of one graph.
    """
    groups: dict[str, list[int]] = {}
    for index, model in enumerate(models):
        if x is not None:
            build_for(model, x)
        try:
            signature = describe(model).signature
        except (NotImplementedError, TypeError, ValueError):
            # Something in it has no config: whoever trains it says what.
            signature = f"model {index}"
        groups.setdefault(signature, []).append(index)
    return list(groups.values())

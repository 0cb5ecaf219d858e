"""`CompactReport`: what `compact` removed, layer by layer."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from kreg._structure import walk
from kreg.transforms._cutting import Cuts
from kreg.transforms._kinds import Kind
from kreg.transforms._table import core

COLUMNS = ("units", "parameters", "multiply_adds", "bytes")


@dataclasses.dataclass(frozen=True)
class Size:
    """The size of a layer or a model.

    Attributes:
        units: Integer. Channels of the layer's outputs.
        parameters: Integer. Numbers among its weights, also those not
            trained.
        multiply_adds: Integer. Of Dense layers and convolutions, for one
            sample; 0 for other layers. Axes of unknown length count once.
        bytes: Integer. Memory of the weights.
    """

    units: int = 0
    parameters: int = 0
    multiply_adds: int = 0
    bytes: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(*(getattr(self, c) + getattr(other, c) for c in COLUMNS))


@dataclasses.dataclass(frozen=True)
class CompactReport:
    """What `kreg.compact` removed.

    Attributes:
        layers: Dict of the layer's path to its `Size` before and after, for
            layers with weights.
        dropped_inputs: Dict of the input's name to the sorted indices, along
            its last axis, of the features that no weight uses. The model
            still takes them: the shape of its inputs has not changed.
    """

    layers: dict[str, tuple[Size, Size]]
    dropped_inputs: dict[str, list[int]]

    @property
    def before(self) -> Size:
        """The size of the model that was given."""
        return sum((before for before, _ in self.layers.values()), Size())

    @property
    def after(self) -> Size:
        """The size of the model that was returned."""
        return sum((after for _, after in self.layers.values()), Size())

    def __str__(self) -> str:
        rows = [*self.layers.items(), ("total", (self.before, self.after))]
        width = max(len(name) for name, _ in rows)
        table = [("", *(column.replace("_", "-") for column in COLUMNS))]
        for name, (before, after) in rows:
            cells = [
                f"{getattr(before, c):,} -> {getattr(after, c):,}"
                for c in COLUMNS
            ]
            table.append((name, *cells))
        lines = [
            f"{name:<{width}}" + "".join(f"{cell:>24}" for cell in cells)
            for name, *cells in table
        ]
        for name, indices in self.dropped_inputs.items():
            lines.append(f"{name}: {len(indices)} features are not used")
        return "\n".join(lines)


def report_of(old: Any, new: Any, cuts: Cuts) -> CompactReport:
    """Returns the report on two models.

    Args:
        old: The model that was given.
        new: The model that was made of it.
        cuts: What was cut out.
    """
    sources, targets = dict(walk(old)), dict(walk(new))
    layers = {}
    for path, calls in _calls(cuts, "", 1):
        source, target = sources.get(path), targets.get(path)
        if source is None or not source.weights:
            continue
        kind, positions, before, after = calls
        layers[path] = (
            _size(source, kind, positions, before),
            _size(target, kind, positions, after),
        )
    analysis = cuts.analyses[""]
    dropped = {}
    for tensor in analysis.graph.inputs:
        unused = np.flatnonzero(~analysis.needed[tensor])
        if len(unused):
            dropped[tensor.layer] = unused.tolist()
    return CompactReport(layers, dropped)


def _calls(
    cuts: Cuts, path: str, times: int
) -> Iterator[tuple[str, tuple[Kind, int, int, int]]]:
    """Yields the path of each layer, its kind, positions and units."""
    analysis = cuts.analyses[path]
    graph = analysis.graph
    for name in dict.fromkeys(call.layer for call in graph.calls):
        place = f"{path}/{name}" if path else name
        calls = graph.calls_of(name)
        if place in cuts.analyses:
            yield from _calls(cuts, place, times * len(calls))
            continue
        shapes = [graph.shapes.get(call.output(), ()) for call in calls]
        positions = [math.prod(n or 1 for n in shape[1:-1]) for shape in shapes]
        kept = analysis.kept[calls[0].output()]
        kind = analysis.kinds[calls[0]]
        yield place, (kind, times * sum(positions), len(kept), int(kept.sum()))


def _size(layer: Any, kind: Kind, positions: int, units: int) -> Size:
    arrays = [ops.convert_to_numpy(weight) for weight in layer.weights]
    current = type(kind)(core(layer), kind.tolerance)
    return Size(
        units,
        sum(array.size for array in arrays),
        current.multiply_adds() * positions,
        sum(array.nbytes for array in arrays),
    )

"""`Analysis`: which channels of a graph are constant, needed, removable."""

from typing import Any

import numpy as np

from kreg.transforms._graph import Call, Graph, Tensor
from kreg.transforms._kinds import Kind, Opaque, channels, unknown
from kreg.transforms._table import kind_of
from kreg.transforms._units import Units


class Analysis:
    """Finds the units of one graph that can be removed.

    A unit is removed if nobody needs it: all weights from it to what stays
    are zero, or it is constant and can be folded into the next bias. All
    units count as removed until the outputs are found to need them, so that
    what feeds only the dead is dead.

    Attributes:
        graph: The graph.
        kinds: The `Kind` of each call.
        units: Which channels belong together.
        constants: Value of each channel of each tensor; NaN if it varies.
        kept: Which channels of each tensor stay.
        needed: Which channels of each tensor are needed; those that stay
            without need are inputs, or belong to what is not understood.
    """

    def __init__(self, graph: Graph, tolerance: float):
        self.graph = graph
        self.units = Units()
        self.kinds = {
            call: kind_of(call, graph, tolerance) for call in graph.calls
        }
        self.constants: dict[Tensor, np.ndarray] = {}
        self._link()
        self._fold()
        self._solve()

    def is_constant(self) -> bool:
        """Tells whether no output depends on any input."""
        return all(
            len(self.constants[tensor]) > 0
            and not np.isnan(self.constants[tensor]).any()
            for tensor in self.graph.outputs
        )

    def foldable(self, call: Call) -> np.ndarray:
        """Returns the input constants that all calls of the layer share."""
        values = self.constants[call.inputs[0]]
        for other in self.graph.calls_of(call.layer):
            same = self.constants[other.inputs[0]]
            if len(same) != len(values):  # as of a ReLU of 4 units and of 5
                return unknown(len(values))
            values = np.where(values == same, values, np.nan)
        return values

    def _link(self) -> None:
        graph, units = self.graph, self.units
        for tensor in graph.inputs:
            units.of[tensor] = units.new(channels(tensor, graph.shapes))
            units.pin(units.of[tensor])
        for call, kind in self.kinds.items():
            kind.link(call, units, graph.shapes)
        for name in {call.layer for call in graph.calls}:
            first, *others = graph.calls_of(name)
            for other in others:
                if self.kinds[first].shared_units:
                    self._join(first, other)

    def _join(self, first: Call, other: Call) -> None:
        units = self.units
        pairs: list[Any] = [
            (first.inputs[0], other.inputs[0]),
            (first.output(), other.output()),
        ]
        if any(len(units.of[one]) != len(units.of[two]) for one, two in pairs):
            # As of a Flatten of 4 units and of 5: none answers to another.
            for tensor in (tensor for pair in pairs for tensor in pair):
                units.pin(units.of[tensor])
            return
        for one, two in pairs:
            units.join(units.of[one], units.of[two])

    def _fold(self) -> None:
        for tensor in self.graph.inputs:
            count = channels(tensor, self.graph.shapes)
            self.constants[tensor] = unknown(count)
        for call, kind in self.kinds.items():
            for tensor in self.units.of:
                if (tensor.layer, tensor.call) == (call.layer, call.call):
                    count = len(self.units.of[tensor])
                    self.constants[tensor] = unknown(count)
            self.constants[call.output()] = kind.constants(
                call, self.constants, self.graph.shapes
            )

    def _solve(self) -> None:
        pinned = self.units.pinned()
        roots = {t: self.units.roots(t) for t in self.units.of}
        while True:
            needed = self._needed(pinned, roots)
            stays = needed | pinned
            empty = [r for r in roots.values() if len(r) and not stays[r].any()]
            if not empty:
                break
            pinned[empty[0][0]] = True  # no layer may be left without units
        self.needed = {t: needed[units] for t, units in roots.items()}
        self.kept = {t: stays[units] for t, units in roots.items()}

    def _needed(
        self, pinned: np.ndarray, roots: dict[Tensor, np.ndarray]
    ) -> np.ndarray:
        needed = self.units.none()
        for tensor in self.graph.outputs:
            needed[roots[tensor]] = True
        for call, kind in self.kinds.items():
            if isinstance(kind, Opaque):
                for tensor in call.inputs:
                    needed[roots[tensor]] = True
        while True:
            before = needed.sum()
            for call, kind in reversed(self.kinds.items()):
                self._ask(call, kind, needed, pinned, roots)
            if needed.sum() == before:
                return needed

    def _ask(
        self,
        call: Call,
        kind: Kind,
        needed: np.ndarray,
        pinned: np.ndarray,
        roots: dict[Tensor, np.ndarray],
    ) -> None:
        live = (needed | pinned)[roots[call.output()]]
        asked = kind.needs(live, self.foldable(call))
        if asked is not None:
            needed[roots[call.inputs[0]][asked]] = True

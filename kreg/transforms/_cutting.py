"""Cuts what an analysis found dead out of a model's config and weights."""

import dataclasses
from typing import Any

import numpy as np

from kreg._structure import has_named_layers, walk
from kreg.transforms._analysis import Analysis
from kreg.transforms._graph import read
from kreg.transforms._kinds import Kind
from kreg.transforms._table import core


@dataclasses.dataclass(frozen=True)
class Cut:
    """What becomes of one layer.

    Attributes:
        kind: What the layer does with units.
        taken: Indices of the input channels that stay.
        kept: Indices of the output channels that stay.
        constants: Values of the input channels to fold into the bias.
    """

    kind: Kind
    taken: np.ndarray
    kept: np.ndarray
    constants: np.ndarray

    @property
    def is_folded(self) -> bool:
        """A removed input has a constant other than zero."""
        gone = np.delete(self.constants, self.taken)
        return bool(np.any(~np.isnan(gone) & (gone != 0)))


class Cuts:
    """The cuts of a model and of those nested in it.

    Attributes:
        of: `Cut` of each layer that loses something, by its path.
        analyses: The `Analysis` of each model, by its path.
    """

    def __init__(self, model: Any, tolerance: float):
        self.of: dict[str, Cut] = {}
        self.analyses: dict[str, Analysis] = {}
        self._plan(model, "", tolerance)

    def paths(self, model: Any) -> set[str]:
        """Returns the paths of the layers that lose weights."""
        layers = dict(walk(model))
        return {
            f"{path}/layer" if core(layers[path]) is not layers[path] else path
            for path in self.of
            if path in layers  # operations have neither path nor weights
        }

    def configured(
        self, config: dict[str, Any], model: Any, path: str = ""
    ) -> dict[str, Any]:
        """Returns the config of `model` without what is cut."""
        layers = {layer.name: layer for layer in model.layers}
        entries = []
        for entry in config["layers"]:
            arguments = entry["config"]
            name = arguments.get("name", entry.get("name"))
            place = f"{path}/{name}" if path else name
            if has_named_layers(layers.get(name)):
                arguments = self.configured(arguments, layers[name], place)
            elif place in self.of:
                arguments = _configured(arguments, self.of[place])
            entries.append({**entry, "config": arguments})
        return {**config, "layers": entries}

    def assign(self, targets: dict[str, Any]) -> None:
        """Gives the layers of the new model, by path, their weights."""
        for path, cut in self.of.items():
            values = cut.kind.weights(cut.taken, cut.kept, cut.constants)
            if not values:
                continue
            source, target = cut.kind.layer, core(targets[path])
            for name, value in values.items():
                variable = _found(target, name)
                if variable is None:  # a bias that would be zero
                    continue
                variable.assign(value)
                flag = getattr(_found(source, name), "trainable", True)
                if variable.trainable != flag:
                    variable.trainable = flag

    def _plan(self, model: Any, path: str, tolerance: float) -> None:
        graph = read(model)
        analysis = self.analyses[path] = Analysis(graph, tolerance)
        for call, kind in analysis.kinds.items():
            layer = graph.layers[call.layer]
            place = f"{path}/{call.layer}" if path else call.layer
            if has_named_layers(layer):
                self._plan(layer, place, tolerance)
                continue
            if not call.inputs or place in self.of:
                continue
            taken = analysis.kept[call.inputs[0]]
            kept = analysis.kept[call.output()]
            if taken.all() and kept.all():
                continue
            self.of[place] = Cut(
                kind,
                np.flatnonzero(taken),
                np.flatnonzero(kept),
                analysis.foldable(call),
            )


def _found(layer: Any, name: str) -> Any:
    """Returns the variable at a path of attributes, or `None`."""
    for attribute in name.split("."):
        layer = getattr(layer, attribute, None)
    return layer


def _configured(arguments: dict[str, Any], cut: Cut) -> dict[str, Any]:
    if "layer" in arguments:  # of a wrapper
        inner = arguments["layer"]
        changed = _configured(inner["config"], cut)
        return {**arguments, "layer": {**inner, "config": changed}}
    return cut.kind.configure(arguments, cut.kept, cut.is_folded)

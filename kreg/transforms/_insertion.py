"""Puts dropout layers into the config of a model."""

import copy
import numbers
from typing import Any

import keras

from kreg._structure import has_named_layers
from kreg._validation import check_strength, fail
from kreg.layers import ScheduledDropout
from kreg.transforms._graph import Graph, Tensor, read, references
from kreg.transforms._rules import Rule
from kreg.transforms._sites import Surroundings, find, surroundings_of
from kreg.transforms._twins import is_noise, translated


def check_dropout(value: Any) -> dict[str, Any] | None:
    """Returns the config of the dropout layer that the user asked for."""
    if value is None:
        return None
    if isinstance(value, numbers.Real):
        value = ScheduledDropout(check_strength(value, "dropout", 1.0))
    if not _may_be_noise(value):
        fail(
            "dropout",
            "a rate in [0, 1], a layer such as "
            "kreg.layers.ScheduledDropout(0.2), or None",
            value,
        )
    return translated(keras.saving.serialize_keras_object(value))


def _may_be_noise(value: Any) -> bool:
    """Tells whether a layer is noise, or a user's own, of which none knows."""
    if not isinstance(value, keras.layers.Layer):
        return False
    home = type(value).__module__.partition(".")[0]
    is_own = home not in ("keras", "kreg") and not isinstance(
        value, keras.Model
    )
    return is_noise(value) or is_own


class Insertion:
    """Puts copies of one dropout layer into a model and those nested in it.

    Attributes:
        candidates: Number of places found so far, with those where there is
            dropout already.
    """

    def __init__(self, template: dict[str, Any], after: Rule | None):
        self.template = template
        self.after = after
        self.candidates = 0
        self.copies = 0

    def into(
        self,
        model: Any,
        config: dict[str, Any],
        path: str = "",
        around: Surroundings | None = None,
        calls: int = 1,
    ) -> dict[str, Any]:
        """Returns the config of `model` with dropout put in.

        Args:
            model: A Sequential or Functional model.
            config: Its config; changed already, but with the same graph.
            path: String. Its path in the outermost model.
            around: What is around it; `None` for the outermost model.
            calls: Integer >= 1. How often it is called in one step.
        """
        around = around or Surroundings()
        graph = read(model)
        sites = find(graph, path, self.after, around)
        self.candidates += sites.candidates
        entries = []
        for entry in config["layers"]:
            name = entry["config"].get("name", entry.get("name"))
            layer = graph.layers.get(name)
            if layer is not None and has_named_layers(layer):
                entry = {
                    **entry,
                    "config": self.into(
                        layer,
                        entry["config"],
                        f"{path}/{name}" if path else name,
                        surroundings_of(graph, name, sites.chosen, around),
                        calls * len(graph.calls_of(name)),
                    ),
                }
            entries.append(entry)
        config = {**config, "layers": entries}
        taken = {name for name in graph.layers}
        for tensor in sites.chosen:
            entry = self._copy(_free_name(tensor.layer, taken), calls)
            _insert(config, entry, tensor, graph, model)
        return config

    def _copy(self, name: str, calls: int) -> dict[str, Any]:
        entry = copy.deepcopy(self.template)
        arguments = entry["config"]
        arguments["name"] = name
        if "calls_per_step" in arguments:
            arguments["calls_per_step"] = calls
        seed = arguments.get("seed")
        if isinstance(seed, int):  # the same seed would draw the same masks
            arguments["seed"] = seed + self.copies
        self.copies += 1
        return entry


def _insert(
    config: dict[str, Any],
    entry: dict[str, Any],
    tensor: Tensor,
    graph: Graph,
    model: Any,
) -> None:
    """Puts `entry` behind `tensor` in a config, which is changed."""
    names = [e["config"].get("name", e.get("name")) for e in config["layers"]]
    position = names.index(tensor.layer) + 1
    if isinstance(model, keras.Sequential):
        config["layers"].insert(position, entry)
        return
    name = entry["config"]["name"]
    config["layers"] = copy.deepcopy(config["layers"])
    for other in config["layers"]:
        for reference in references(other["inbound_nodes"]):
            if tuple(reference["keras_history"]) == tensor:
                reference["keras_history"] = [name, 0, 0]
    config["output_layers"] = _redirected(config["output_layers"], tensor, name)
    source = {
        "shape": list(graph.shapes[tensor]),
        "dtype": "float32",
        "keras_history": list(tensor),
    }
    node = {
        "args": [{"class_name": "__keras_tensor__", "config": source}],
        "kwargs": {},
    }
    entry = {**entry, "name": name, "inbound_nodes": [node]}
    config["layers"].insert(position, entry)


def _redirected(tree: Any, tensor: Tensor, name: str) -> Any:
    if isinstance(tree, dict):
        return {k: _redirected(v, tensor, name) for k, v in tree.items()}
    if len(tree) == 3 and isinstance(tree[0], str):
        return [name, 0, 0] if tuple(tree) == tensor else list(tree)
    return type(tree)(_redirected(value, tensor, name) for value in tree)


def _free_name(layer: str, taken: set[str]) -> str:
    name = f"{layer}_dropout"
    number = 0
    while name in taken:
        number += 1
        name = f"{layer}_dropout_{number}"
    taken.add(name)
    return name

"""`Graph`: what a model's config says about who calls whom.

The config of a Sequential or Functional model is a complete description of
its graph, in public API alone: layers by name, and for each call of a layer
the tensors that it takes. The transforms read it, edit it, and build the new
model from it.
"""

import dataclasses
import inspect
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from kreg._structure import has_named_layers, walk
from kreg._validation import check_layer


class Tensor(NamedTuple):
    """Output number `output` of call number `call` of a layer."""

    layer: str
    call: int = 0
    output: int = 0


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer: its name, its number, and what it takes.

    Attributes:
        node: What the config says of the call, with arguments that are no
            tensors.
    """

    layer: str
    call: int
    inputs: tuple[Tensor, ...]
    node: Any = dataclasses.field(default=None, compare=False, repr=False)

    def output(self, index: int = 0) -> Tensor:
        """Returns the `index`-th tensor that the call makes."""
        return Tensor(self.layer, self.call, index)


@dataclasses.dataclass(frozen=True)
class Graph:
    """The calls of one model, each after those whose tensors it takes.

    Attributes:
        layers: The layer (or operation) of each name.
        calls: List of `Call`, without those of input layers.
        shapes: Shape of each tensor that is consumed or an output, where
            known; the first entry is the batch.
        inputs: The tensors that the model takes.
        outputs: The tensors that it returns.
    """

    layers: dict[str, Any]
    calls: list[Call]
    shapes: dict[Tensor, tuple[int | None, ...]]
    inputs: list[Tensor]
    outputs: list[Tensor]

    def consumers(self, tensor: Tensor) -> list[Call]:
        """Returns the calls that take `tensor`."""
        return [call for call in self.calls if tensor in call.inputs]

    def producer(self, tensor: Tensor) -> Call | None:
        """Returns the call that makes `tensor`; `None` for an input."""
        for call in self.calls:
            if (call.layer, call.call) == (tensor.layer, tensor.call):
                return call
        return None

    def calls_of(self, layer: str) -> list[Call]:
        """Returns the calls of one layer."""
        return [call for call in self.calls if call.layer == layer]


def check_model(model: Any, advice: str) -> None:
    """Raises `TypeError` unless the graph of `model` can be read.

    Args:
        model: What the user gave.
        advice: String. One sentence: what to do for a subclassed model.
    """
    check_layer(model, "model")
    if not (has_named_layers(model) and "layers" in config_of(model)):
        raise TypeError(
            "Invalid value for argument `model`. Expected a Sequential or "
            "Functional model. Received: a subclassed model of type "
            f"{type(model).__name__}, whose graph is in Python code. {advice}"
        )


def refuse_split(model: Any) -> None:
    """Refuses a layer that stands in two of the models inside `model`."""
    homes: dict[int, str] = {}
    for path, part in walk(model):
        if not has_named_layers(part):
            continue
        for layer in part.layers:
            home = homes.setdefault(id(layer), path)
            if home != path:
                raise ValueError(
                    "Invalid value for argument `model`. Expected layers that "
                    "belong to one of the nested models each. Received: layer "
                    f"{layer.name!r} in both {home or model.name!r} and "
                    f"{path or model.name!r}, which Keras would load as two "
                    "layers."
                )


def config_of(layer: Any) -> dict[str, Any]:
    """Returns the config of a layer or model, as it is now.

    Keras warns of lambdas in it, which matter to files: none is written here.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*includes a `lambda`.*")
        try:
            config = layer.get_config()
        except NotImplementedError as error:
            said = " ".join(str(error).split()).partition(", and therefore")[0]
            raise ValueError(
                "Invalid value for argument `model`. Expected layers that "
                f"have a `get_config`. Received: {said}"
            ) from None
    return _named(config, layer) if has_named_layers(layer) else config


def _named(config: dict[str, Any], model: Any) -> dict[str, Any]:
    """Adds the names of layers that leave them out of their config.

    So do layers without a `get_config`, whose arguments Keras notes down.
    """
    if "layers" not in config:
        return config
    layers = getattr(model, "operations", model.layers)
    if isinstance(model, keras.Sequential):
        layers = model.layers
    entries = list(config["layers"])
    # A Sequential model names its input in front, and not as a layer.
    for index, layer in zip(
        range(len(entries) - 1, -1, -1), reversed(layers), strict=False
    ):
        arguments = entries[index]["config"]
        if has_named_layers(layer):
            arguments = _named(arguments, layer)
        elif isinstance(layer, keras.layers.Layer) and _takes_name(layer):
            arguments = {"name": layer.name, **arguments}
        entries[index] = {**entries[index], "config": arguments}
    return {**config, "layers": entries}


def _takes_name(layer: Any) -> bool:
    parameters = inspect.signature(type(layer)).parameters.values()
    return any(p.name == "name" or p.kind is p.VAR_KEYWORD for p in parameters)


def read(model: Any) -> Graph:
    """Returns the graph of a Sequential or Functional model.

    That of a Sequential model which is not built yet has no shapes.
    """
    if isinstance(model, keras.Sequential):
        if not model.built:
            return _chain(model)
        model = keras.Model(model.inputs, model.outputs)
    config = config_of(model)
    layers = {operation.name: operation for operation in model.operations}
    calls = [
        Call(entry["name"], number, tuple(tensors_in(node)), node)
        for entry in config["layers"]
        for number, node in enumerate(entry["inbound_nodes"])
    ]
    inputs = list(_tensors(config["input_layers"]))
    outputs = [
        # Here alone, the call that a Functional model begins with counts.
        tensor._replace(call=tensor.call - is_functional(layers[tensor.layer]))
        for tensor in _tensors(config["output_layers"])
    ]
    shapes = {
        Tensor(*reference["keras_history"]): tuple(reference["shape"])
        for entry in config["layers"]
        for reference in references(entry["inbound_nodes"])
    }
    for tensor, symbolic in zip(outputs, model.outputs, strict=True):
        shapes[tensor] = tuple(symbolic.shape)
    return Graph(layers, _sorted(calls, inputs), shapes, inputs, outputs)


def references(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields the config of each tensor named in a part of a config."""
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            yield tree["config"]
        else:
            for value in tree.values():
                yield from references(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from references(value)


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """Yields each tensor named in a part of a config, in its order."""
    for reference in references(tree):
        yield Tensor(*reference["keras_history"])


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _tensors(value)
    elif len(tree) == 3 and isinstance(tree[0], str):
        yield Tensor(*tree)
    else:
        for value in tree:
            yield from _tensors(value)


def is_functional(layer: Any) -> bool:
    """Tells whether `layer` is a Functional model."""
    return has_named_layers(layer) and not isinstance(layer, keras.Sequential)


def _sorted(calls: list[Call], inputs: list[Tensor]) -> list[Call]:
    """Orders the calls so that each stands after those it depends on."""
    made = {(tensor.layer, tensor.call) for tensor in inputs}
    ordered: list[Call] = []
    waiting = list(calls)
    while waiting:
        ready = [
            call
            for call in waiting
            if all((t.layer, t.call) in made for t in call.inputs)
        ]
        if not ready:
            raise ValueError(
                "The graph of the model cannot be followed: the calls of "
                f"{sorted({call.layer for call in waiting})} do not depend "
                "on its inputs."
            )
        ordered += ready
        made |= {(call.layer, call.call) for call in ready}
        waiting = [call for call in waiting if call not in ready]
    # Input layers are listed in `layers` too, but nobody calls them.
    return [call for call in ordered if call.inputs]


def _chain(model: Any) -> Graph:
    first = Tensor("")  # what the first layer takes
    calls: list[Call] = []
    tensor = first
    for layer in model.layers:
        calls.append(Call(layer.name, 0, (tensor,)))
        tensor = calls[-1].output()
    layers = {layer.name: layer for layer in model.layers}
    return Graph(layers, calls, {}, [first], [tensor])

"""Sites: where dropout goes in a graph."""

import dataclasses
from typing import Any

import keras

from kreg._structure import has_named_layers
from kreg.transforms._arithmetic import BY_ELEMENT
from kreg.transforms._graph import Call, Graph, Tensor, read
from kreg.transforms._mixing import operation_name
from kreg.transforms._penalties import has_kernel
from kreg.transforms._rules import Rule
from kreg.transforms._twins import is_noise

ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
# Gates and probabilities: noise on them is not noise on features.
NOT_HIDDEN = {
    "linear",
    "softmax",
    "log_softmax",
    "sparsemax",
    "sigmoid",
    "log_sigmoid",
    "hard_sigmoid",
    "sparse_sigmoid",
}

SCALING = {"Divide", "Multiply", "TrueDivide"}  # of features, if by a number
GATES = {"tanh", "softplus"}  # where another tensor is multiplied by them


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What is around a model: what its inputs come from and outputs go to.

    Attributes:
        noise_before: There is noise between the last kernel before the model
            and the model.
        noise_after: Likewise after it.
        is_last: No kernel stands after it: its outputs are the whole's.
    """

    noise_before: bool = False
    noise_after: bool = False
    is_last: bool = True


@dataclasses.dataclass
class Sites:
    """The tensors of one graph after which dropout goes.

    Attributes:
        chosen: The tensors.
        candidates: How many tensors are meant, without those of output
            layers but with those that have dropout already.
    """

    chosen: list[Tensor]
    candidates: int


def find(
    graph: Graph, path: str, after: Rule | None, around: Surroundings
) -> Sites:
    """Finds the tensors of a graph after which dropout goes.

    Args:
        graph: The graph of one model, without those nested in it.
        path: String. The path of that model, `""` for the outermost.
        after: Which layers are meant; `None` for all hidden activations.
        around: What is around the model.
    """
    sites = Sites([], 0)
    for call in graph.calls:
        layer = graph.layers[call.layer]
        place = f"{path}/{layer.name}" if path else layer.name
        meant = (
            is_hidden_activation(layer) and not is_inside(graph, call)
            if not after
            else after(place, layer)
        )
        if not meant or has_noise(layer) or has_named_layers(layer):
            continue
        tensor = call.output()
        if has_more_outputs(graph, call) or is_last(graph, tensor, around):
            continue
        sites.candidates += 1
        if not (
            noise_after(graph, tensor, around)
            or noise_before(graph, call, sites.chosen, around)
        ):
            sites.chosen.append(tensor)
    return sites


def surroundings_of(
    graph: Graph, name: str, chosen: list[Tensor], around: Surroundings
) -> Surroundings:
    """Returns what is around a model that is nested in `graph`."""
    calls = graph.calls_of(name)
    return Surroundings(
        any(
            noise_at(graph, tensor, chosen, around)
            for call in calls
            for tensor in call.inputs
        ),
        any(noise_after(graph, call.output(), around) for call in calls),
        any(is_last(graph, call.output(), around) for call in calls),
    )


def is_hidden_activation(layer: Any) -> bool:
    """Tells whether a layer ends in an activation that dropout goes after.

    So may operations, such as `keras.ops.relu(x)`, in a Functional model.
    """
    if not isinstance(layer, keras.layers.Layer):
        return operation_name(layer) not in {"", *NOT_HIDDEN}
    inner = getattr(layer, "layer", None)
    if isinstance(inner, keras.layers.Layer):  # TimeDistributed, Bidirectional
        return is_hidden_activation(inner)
    if isinstance(layer, ACTIVATIONS[1:]):
        return True
    activation = getattr(layer, "activation", None)
    if not callable(activation):
        return False
    if not (isinstance(layer, ACTIVATIONS) or has_kernel(layer)):
        return False
    return getattr(activation, "__name__", "") not in NOT_HIDDEN


def is_inside(graph: Graph, call: Call) -> bool:
    """Tells whether an operation is a part of an activation written out.

    As are the `tanh` of `x * (1 + tanh(x))` and both in
    `x * tanh(softplus(x))`.
    """
    name = operation_name(graph.layers[call.layer])
    return bool(name) and any(
        _goes_on(name, graph.layers[consumer.layer], len(consumer.inputs))
        for consumer in graph.consumers(call.output())
    )


def _goes_on(name: str, consumer: Any, tensors: int) -> bool:
    """Tells whether a formula that has the activation `name` goes on."""
    if isinstance(consumer, keras.layers.Layer):
        return False
    kind = type(consumer).__name__
    if tensors > 1:
        return kind == "Multiply" and name in GATES
    return bool(operation_name(consumer)) or kind in BY_ELEMENT - SCALING


def has_noise(layer: Any) -> bool:
    """Tells whether a layer is noise or wraps it."""
    inner = getattr(layer, "layer", None)
    return is_noise(layer) or is_noise(inner)


def is_last(graph: Graph, tensor: Tensor, around: Surroundings) -> bool:
    """Tells whether no kernel stands between a tensor and an output."""
    if tensor in graph.outputs:
        return around.is_last
    return any(
        is_last(graph, call.output(), around)
        for call in graph.consumers(tensor)
        if not has_kernel(graph.layers[call.layer])
    )


def noise_after(graph: Graph, tensor: Tensor, around: Surroundings) -> bool:
    """Tells whether there is noise between a tensor and the next kernel."""
    if tensor in graph.outputs and around.noise_after:
        return True
    for call in graph.consumers(tensor):
        layer = graph.layers[call.layer]
        if has_noise(layer) or _begins_with_noise(layer):
            return True
        if not has_kernel(layer) and noise_after(graph, call.output(), around):
            return True
    return False


def noise_before(
    graph: Graph, call: Call, chosen: list[Tensor], around: Surroundings
) -> bool:
    """Tells whether there is noise between the last kernel and a call.

    Where several tensors meet, as in `Add`, it does not look further back.
    """
    layer = graph.layers[call.layer]
    if has_kernel(layer) or len(call.inputs) != 1:
        return False
    return noise_at(graph, call.inputs[0], chosen, around)


def noise_at(
    graph: Graph, tensor: Tensor, chosen: list[Tensor], around: Surroundings
) -> bool:
    """Tells whether a tensor comes from noise, without a kernel between."""
    if tensor in chosen:
        return True
    if tensor in graph.inputs:
        return around.noise_before
    call = graph.producer(tensor)
    if call is None:
        return False
    layer = graph.layers[call.layer]
    if has_noise(layer) or _ends_with_noise(layer):
        return True
    return noise_before(graph, call, chosen, around)


def has_more_outputs(graph: Graph, call: Call) -> bool:
    """Tells whether a call makes more than one tensor."""
    return any(
        (tensor.layer, tensor.call) == (call.layer, call.call)
        and tensor.output > 0
        for tensor in (*graph.shapes, *graph.outputs)
    )


def _begins_with_noise(layer: Any) -> bool:
    if not has_named_layers(layer):
        return False
    graph = read(layer)
    around = Surroundings()
    return any(noise_after(graph, tensor, around) for tensor in graph.inputs)


def _ends_with_noise(layer: Any) -> bool:
    if not has_named_layers(layer):
        return False
    graph = read(layer)
    around = Surroundings()
    return any(noise_at(graph, tensor, [], around) for tensor in graph.outputs)

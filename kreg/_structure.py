"""The layers inside a model, each with the path a person would give it.

Keras's own `layer.path` and `variable.path` are ambiguous (two inner models
may each have a layer `dense`) and change when a model is loaded. The paths
made here follow the structure: names of layers in Sequential and Functional
models, names of attributes everywhere else.
"""

import collections
from collections.abc import Iterator
from typing import Any

import keras

# What Keras keeps about a layer: lists of what is found by name anyway.
_BOOKKEEPING = {"_layers", "_tracker", "_functional", "_metrics", "_tracked"}


def walk(root: Any) -> list[tuple[str, Any]]:
    """Returns `(path, layer)` for `root` (path `""`) and all layers in it.

    In the order of the model, outer layers before inner ones. A layer that
    can be reached by several paths gets the shortest. A penalty stands at
    each layer that it was given to, but not again at the parts to which that
    layer hands it down (as `MultiHeadAttention` does). The penalties that the
    optimizer of `root` applies come last, under the optimizer's name.

    Args:
        root: A Keras model or layer.

    Returns:
        List of tuples of a string and a layer.
    """
    Place = tuple[tuple[int, ...], str, Any]  # indices from the root on
    queue: collections.deque[Place] = collections.deque([((), "", root)])
    found: list[Place] = []
    seen = {id(root)}
    owners: dict[int, list[str]] = {}
    while queue:
        place = queue.popleft()
        found.append(place)
        indices, path, layer = place
        held = list(children(layer))
        if layer is root:
            held += penalties_of_optimizers(root)
        for index, (name, child) in enumerate(held):
            if is_penalty(child):
                given = owners.setdefault(id(child), [])
                if any(path.startswith(f"{owner}/") for owner in given):
                    continue
                if not isinstance(layer, keras.Model):
                    given.append(path)
            elif id(child) in seen:
                continue
            seen.add(id(child))
            child_path = f"{path}/{name}" if path else name
            queue.append(((*indices, index), child_path, child))
    found.sort(key=lambda place: place[0])
    return [(path, layer) for _, path, layer in found]


def is_built(model: Any) -> bool:
    """Tells whether a model and all layers in it have their weights.

    Of a subclassed model, Keras asks what `build` has done to the model alone;
    layers that its `call` is the first to call have no weights then.
    """
    return all(layer.built for _, layer in walk(model))


def is_penalty(layer: Any) -> bool:
    """Tells whether `layer` is a penalty that is a layer."""
    return isinstance(layer, keras.layers.Layer) and isinstance(
        layer, keras.regularizers.Regularizer
    )


def children(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yields `(name, layer)` for the layers that `layer` holds directly."""
    taken = set()
    if has_named_layers(layer):
        for child in layer.layers:
            taken.add(child.name)
            yield child.name, child
    attributes = _attributes(layer)
    for attribute in sorted(attributes, key=lambda name: name[0] == "_"):
        name = attribute.lstrip("_")
        held = list(_layers_in(name, attributes[attribute]))
        if held and name in taken:  # `block` beside `_block`
            held = list(_layers_in(attribute, attributes[attribute]))
        elif held:
            taken.add(name)
        yield from held


def penalties_of_optimizers(root: Any) -> Iterator[tuple[str, Any]]:
    """Yields `(name, penalty)` for penalties that optimizers of `root` hold."""
    for attribute, optimizer in optimizers_of(root):
        held = vars(optimizer).get("penalty")
        yield from _layers_in(f"{attribute}/penalty", held)


def optimizers_of(root: Any) -> Iterator[tuple[str, Any]]:
    """Yields `(attribute, optimizer)`; loss scaling around one is left out."""
    for attribute, value in vars(root).items():
        if isinstance(value, keras.optimizers.Optimizer):
            inner = getattr(value, "inner_optimizer", value)
            yield attribute.lstrip("_"), inner


def has_named_layers(layer: Any) -> bool:
    """Tells whether `layer` is a Sequential or a Functional model."""
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and hasattr(layer, "inputs")
    )


def _attributes(layer: Any) -> dict[str, Any]:
    attributes = dict(vars(layer))
    # On Torch a layer is a torch.nn.Module, which keeps its layers apart.
    attributes.update(attributes.pop("_modules", {}))
    return {
        name: value
        for name, value in attributes.items()
        if name not in _BOOKKEEPING and not name.startswith("_self_")
    }


def _layers_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, keras.layers.Layer):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _layers_in(f"{name}/{index}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _layers_in(f"{name}/{key}", item)

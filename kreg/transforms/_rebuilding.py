"""Builds a model from an edited config, and gives it what the old one had."""

import inspect
import tempfile
import types
import warnings
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

import keras
from keras import ops

from kreg._structure import children, is_penalty, walk
from kreg.losses._smoothed_crossentropy import SmoothedCrossentropy
from kreg.transforms._functions import is_known, named_functions
from kreg.transforms._twins import is_noise


def rebuilt(model: Any, config: dict[str, Any]) -> Any:
    """Returns a new model of the class of `model`, made from `config`.

    Custom classes and functions that the layers of `model` use need not be
    registered.

    Args:
        model: The model that the config was taken from.
        config: Its config, edited.
    """
    config, functions = named_functions(config, model)
    scope = {**_by_name(_held(model)), **functions}
    with keras.saving.custom_object_scope(scope):
        try:
            new = type(model).from_config(_without_builds(config))
        except TypeError as error:  # Keras's tells the whole config as well
            _fail_config(str(error).partition(". ")[0].partition("\n")[0])
    paths = {path for path, _ in walk(new)}
    for path, layer in walk(model):
        if is_penalty(layer) or is_noise(layer):
            continue  # the optimizer's, or replaced by another
        if path not in paths and layer.variables:
            _fail_config(f"a {type(layer).__name__} without its name {path!r}")
    return new


def copy_weights(old: Any, new: Any, skip: Collection[str] = ()) -> None:
    """Copies the variables of each layer to the layer of the same path.

    Layers that the new model does not have, or has another kind of, keep
    their own. What is trainable stays so.

    Args:
        old: Model to copy from.
        new: Model to copy to.
        skip: Paths of layers whose variables the caller copies itself.
    """
    targets = dict(walk(new))
    for path, layer in walk(old):  # outer layers first: inner flags count
        target = targets.get(path)
        if target is None:
            continue
        if target.trainable != layer.trainable:
            target.trainable = layer.trainable
        if path in skip or type(target) is not type(layer):
            continue
        if path and layer.built and target.built:
            _copy_own(layer, target)


def copy_compilation(old: Any, new: Any, loss: Any = None) -> None:
    """Compiles `new` as `old` is compiled, with an optimizer of its own.

    The state of the optimizer (its moments and its count of steps) is copied
    where the trainable variables of both are the same in the same order.

    Args:
        old: The model that is compiled.
        new: The model to compile.
        loss: Optional loss, or structure of losses, in place of `old`'s.
    """
    if not old.compiled:
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*includes a `lambda`.*")
        serialized = old.get_compile_config()
    functions = _by_name(_compiled_functions(old))
    kept = {**serialized, "loss": None, "optimizer": None}
    optimizer = getattr(old, "optimizer", None)
    try:
        with keras.saving.custom_object_scope(functions):
            arguments = keras.saving.deserialize_keras_object(kept)
            if optimizer is not None:
                cls = type(optimizer)
                optimizer = cls.from_config(optimizer.get_config())
    except (TypeError, ValueError) as error:
        warnings.warn(
            "The new model is not compiled, since what the old one was "
            f"compiled with cannot be copied: {error}",
            stacklevel=4,
        )
        return
    if loss is None:
        loss = getattr(old, "loss", None)
    loss = keras.tree.map_structure(_unbound, loss)
    arguments.update(loss=loss, optimizer=optimizer)
    new.compile(**arguments)
    if optimizer is not None and new.built and old.optimizer.built:
        _copy_optimizer(old, new)


def _fail_config(received: str) -> NoReturn:
    raise ValueError(
        "Invalid value for argument `model`. Expected layers that their class "
        "makes anew from what `get_config` returns, under the same name. "
        f"Received: {received}"
    )


def _unbound(loss: Any) -> Any:
    """Returns a loss that reads its smoothing from the model it trains.

    That of the old model would go on to read it from a layer there.
    """
    if isinstance(loss, SmoothedCrossentropy) and loss.smoothing.layer:
        return type(loss).from_config(loss.get_config())
    return loss


def _copy_own(layer: Any, target: Any) -> None:
    """Copies the variables of one layer, without those of layers in it."""
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    if store:
        target.load_own_variables(
            {key: ops.convert_to_numpy(value) for key, value in store.items()}
        )
    pairs = list(zip(_own(layer), _own(target), strict=False))
    for source, variable in pairs:
        if source.trainable != variable.trainable:
            variable.trainable = source.trainable
        if _is_random_state(source):  # Keras saves none
            variable.assign(ops.convert_to_numpy(source))
    if _has_assets(layer):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            target.load_assets(folder)


def _own(layer: Any) -> list[Any]:
    inner = {id(v) for _, child in children(layer) for v in child.variables}
    return [v for v in layer.variables if id(v) not in inner]


def _is_random_state(variable: Any) -> bool:
    return variable.name == "seed_generator_state"


def _has_assets(layer: Any) -> bool:
    return hasattr(layer, "save_assets") and (
        getattr(type(layer), "save_assets", None)
        is not getattr(keras.layers.Layer, "save_assets", None)
    )


def _copy_optimizer(old: Any, new: Any) -> None:
    new.optimizer.build(new.trainable_variables)
    sources, targets = old.optimizer.variables, new.optimizer.variables
    if _trainables(old) == _trainables(new) and [v.shape for v in sources] == [
        v.shape for v in targets
    ]:
        for source, target in zip(sources, targets, strict=True):
            target.assign(ops.convert_to_numpy(source))


def _trainables(model: Any) -> list[tuple[str, str, tuple[int, ...]]]:
    """Describes each trainable variable, in the order of the model."""
    owners = {
        id(variable): path
        for path, layer in walk(model)  # the innermost counts
        for variable in layer.variables
    }
    return [
        (owners.get(id(v), ""), v.name, tuple(v.shape))
        for v in model.trainable_variables
    ]


def _held(model: Any) -> Iterator[Any]:
    """Yields the classes and functions that layers use and Keras lacks."""
    for _, layer in walk(model):
        attributes = [
            held
            for name, held in vars(layer).items()
            # Keras wraps methods such as `build` once for each layer.
            if not callable(getattr(type(layer), name, None))
        ]
        for held in (layer, *attributes):
            if isinstance(held, types.FunctionType):
                if held.__name__ != "<lambda>" and not is_known(held):
                    yield held
            elif hasattr(held, "get_config") and not is_known(type(held)):
                yield type(held)


def _compiled_functions(model: Any) -> Iterator[Any]:
    """Yields the functions and classes of the user's losses and metrics."""
    held = [getattr(model, "loss", None), *model.metrics]
    seen: set[int] = set()
    while held:
        value = held.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if inspect.isfunction(value):
            if value.__name__ != "<lambda>" and not is_known(value):
                yield value
        elif isinstance(value, dict):
            held += value.values()
        elif isinstance(value, (list, tuple)):
            held += value
        elif isinstance(value, (keras.metrics.Metric, keras.losses.Loss)):
            if not is_known(type(value)):
                yield type(value)
            held += vars(value).values()


def _by_name(objects: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for held in objects:
        name = held.__name__
        if found.setdefault(name, held) is not held:
            raise ValueError(
                f"Two different objects of the model's layers are named "
                f"{name!r}, so that its config cannot tell them apart. "
                "Rename one of them."
            )
    return found


def _without_builds(tree: Any) -> Any:
    """Returns a config without the shapes that layers were built with."""
    if isinstance(tree, dict):
        return {
            key: _without_builds(value)
            for key, value in tree.items()
            if key != "build_config"
        }
    if isinstance(tree, (list, tuple)):
        return type(tree)(_without_builds(value) for value in tree)
    return tree

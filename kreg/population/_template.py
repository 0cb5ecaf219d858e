"""`Template`: the one model whose graph all trials of a population run."""

import functools
from typing import Any

import numpy as np
from keras import ops

from kreg import transforms
from kreg._strengths import strengths
from kreg.population import _python
from kreg.population._alignment import Twins, aligned
from kreg.population._emptying import Emptied
from kreg.population._label_smoothing import per_trial, position_of
from kreg.population._refusal import NotStackable, refuse_model
from kreg.population._signature import (
    config_tree,
    describe,
    is_seed,
    read_strengths,
)
from kreg.transforms._rebuilding import copy_compilation


class Template:
    """A model in kreg's terms, with its variables sorted by what they are.

    Args:
        source: Built and compiled Keras model. It is not changed.
        translate: Boolean; whether to make a twin of `source` in which Keras's
            penalties and dropout layers are kreg's. Else `source` itself is
            the template.
        emptied: `Emptied`, for the weights of the twin.

    Attributes:
        model: The model that is traced.
        weights: The trainable variables, in the order of `source`'s.
        state: The other variables, without those of random generators.
        seeds: The states of the random generators.
        strengths: Every Strength of the model, by its path.
        twins: `Twins` of its variables in such models.
        signature: String that models with the same graph share.
        initial: What each variable but the weights, which every model has,
            was when the template was made, by its id. The model itself is
            written to, later.
        fresh: The optimizer's variables before the first step, not to be
            written to.

    Raises:
        NotStackable: If many such models cannot be trained as one.
    """

    def __init__(self, source: Any, translate: bool, emptied: Emptied):
        refuse_model(source)
        self.source = source
        self.model = _twin(source) if translate else source
        if translate:
            _refuse_hidden(source, self.model)
        self._smoothings = _smoothings(source, self.model) if translate else {}
        if not self.model.compiled:
            raise NotStackable("what it was compiled with cannot be copied")
        self.signature = describe(source).signature
        self.twins = Twins(self.model)
        pairs = aligned(source, self.model)
        self.weights = _in_order(source, self.model, pairs)
        frozen = self.model.non_trainable_variables
        self.state = [v for v in frozen if not is_seed(v)]
        self.seeds = [v for v in frozen if is_seed(v)]
        self.strengths = strengths(self.model)
        for position, holder in self._smoothings.items():
            self.state += holder.variables
            self.strengths[_path(position)] = holder.label_smoothing
        self.optimizer = self.model.optimizer
        self.fresh = _fresh_optimizer(self.optimizer, self.weights)
        self.initial = {id(v): _value(v) for v in (*self.state, *self.seeds)}
        if translate:  # whoever looks at a trial sets the twin to its state
            emptied.empty((*self.weights, *self.optimizer.variables))

    @functools.cached_property
    def positions(self) -> dict[Any, str]:
        """Returns the path of the Strength at each position of the config.

        Each Strength is set to a number of its own, which then shows where
        in the config it is.
        """
        before = {path: s.value for path, s in self.strengths.items()}
        marks: dict[np.float32, str] = {}
        try:
            for index, (path, strength) in enumerate(self.strengths.items()):
                mark = (index + 1) / (len(before) + 1)
                strength.assign(mark)
                marks[np.float32(mark)] = path
            values = read_strengths(config_tree(self.model))
        finally:
            for path, value in before.items():
                self.strengths[path].assign(value)
        found = {
            position: marks[np.float32(value)]
            for position, value in values.items()
            if np.float32(value) in marks
        }
        return {**found, **{p: _path(p) for p in self._smoothings}}


def _twin(source: Any) -> Any:
    try:
        return transforms.regularize(source)
    except (TypeError, ValueError) as error:
        raise NotStackable(str(error)) from error


def _refuse_hidden(source: Any, twin: Any) -> None:
    """Raises if a layer made anew from its config does something else."""
    pairs = zip(
        _python.of_layers(source), _python.of_layers(twin), strict=False
    )
    for before, after in pairs:
        if before != after:
            raise NotStackable(
                f"the config of its layer {before[0]} does not tell all that "
                "the layer does"
            )


def _smoothings(source: Any, twin: Any) -> dict[Any, Any]:
    """Has the losses of `twin` read their label smoothing from layers.

    Returns:
        Dict of the layers, by the position of the number in the config.
    """
    losses, holders = per_trial(getattr(source, "loss", None))
    if holders:
        copy_compilation(source, twin, losses)
    return {position_of(path): holder for path, holder in holders.items()}


def _path(position: Any) -> str:
    """Returns what stands for the path of a Strength that no layer holds."""
    return "/".join(str(p) for p in position if p not in ("compile", "config"))


def _fresh_optimizer(optimizer: Any, weights: list[Any]) -> list[np.ndarray]:
    """Builds an optimizer; returns its variables before its first step."""
    if optimizer.built:
        optimizer = type(optimizer).from_config(optimizer.get_config())
    optimizer.build(weights)
    return [_lean(_value(variable)) for variable in optimizer.variables]


def _lean(value: np.ndarray) -> np.ndarray:
    """Returns an array that takes no memory if it is all zeros."""
    if np.any(value.reshape(-1).view(np.uint8)):
        return value
    return np.broadcast_to(np.zeros((), value.dtype), value.shape)


def _value(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable))


def _in_order(source: Any, model: Any, pairs: list[Any]) -> list[Any]:
    """Returns the trainable variables of `model` in the order of `source`."""
    twins = {id(variable): twin for variable, twin in pairs}
    ordered = [twins.get(id(v)) for v in source.trainable_variables]
    own = {id(v) for v in model.trainable_variables}
    if {id(v) for v in ordered} != own:
        raise NotStackable("its weights cannot be told apart by their layers")
    return ordered

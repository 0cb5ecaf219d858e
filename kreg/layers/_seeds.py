"""Random numbers that differ between the replicas of a training step."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kreg.layers import _replica_tensorflow
from kreg.layers._substitution import call_with

_ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def per_replica(generator: keras.random.SeedGenerator) -> Any:
    """Returns `generator`, or one that differs between replicas.

    A step of `tf.distribute` runs once in each replica, each with a copy of
    the generator's state: without this all would draw the same mask. On JAX a
    step draws one mask for the global batch; on Torch each process has a
    model of its own.

    Args:
        generator: `keras.random.SeedGenerator` of a layer.

    Returns:
        What the random functions of Keras take as `seed`.
    """
    replica = _replica_id()
    return generator if replica is None else _ReplicaSeed(generator, replica)


def call_per_replica(layer: Any, call: Callable[[], Any]) -> Any:
    """Runs `call`, in which `layer` draws other numbers in each replica.

    For a layer of Keras, which draws from a generator of its own.

    Args:
        layer: Keras layer that `call` calls; it adds no losses.
        call: Function without arguments.

    Returns:
        What `call` returned.
    """
    replica = _replica_id()
    if replica is None:
        return call()
    states = {id(state): state for state in seed_states(layer)}
    values = [
        (
            state,
            _replica_tensorflow.moved(ops.convert_to_tensor(state), replica),
        )
        for state in states.values()
    ]
    outputs, _, updates = call_with(layer, values, call)
    for variable, value in updates:
        if id(variable) in states:  # as replica 0 would leave it
            value = _replica_tensorflow.moved(value, -replica)
        variable.assign(value)
    return outputs


def seed_states(layer: Any) -> list[Any]:
    """The states of the random generators: all variables but the weights."""
    weights = {id(v) for v in layer.weights}
    return [v for v in layer.variables if id(v) not in weights]


def _replica_id() -> Any:
    return _replica_tensorflow.replica_id() if _ON_TENSORFLOW else None


class _ReplicaSeed(keras.random.SeedGenerator):
    """Draws from another generator and moves the seed by the replica."""

    def __init__(self, generator: keras.random.SeedGenerator, replica: Any):
        # Without a state of its own, so not `super().__init__()`.
        self._generator = generator
        self._replica = replica

    def next(self, ordered: bool = True) -> Any:
        seed = self._generator.next(ordered)
        return _replica_tensorflow.moved(seed, self._replica)

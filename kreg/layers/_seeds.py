"""Random numbers that differ between the replicas of a training step."""

from typing import Any

import keras

from kreg.layers import _replica_tensorflow

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
    if not _ON_TENSORFLOW:
        return generator
    replica = _replica_tensorflow.replica_id()
    return generator if replica is None else _ReplicaSeed(generator, replica)


class _ReplicaSeed(keras.random.SeedGenerator):
    """Draws from another generator and moves the seed by the replica."""

    def __init__(self, generator: keras.random.SeedGenerator, replica: Any):
        # Without a state of its own, so not `super().__init__()`.
        self._generator = generator
        self._replica = replica

    def next(self, ordered: bool = True) -> Any:
        seed = self._generator.next(ordered)
        return _replica_tensorflow.moved(seed, self._replica)

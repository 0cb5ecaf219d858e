"""Which replica of a `tf.distribute` strategy is running."""

from typing import Any

# Far from the small seeds that people give, so that replica 1 of a layer
# does not repeat the masks of replica 0 of the next.
_STRIDE = 1_000_003


def replica_id() -> Any:
    """Returns the index of this replica, or `None` if there is but one."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context.replica_id_in_sync_group


def moved(seed: Any, replica: Any) -> Any:
    """Returns the state `(seed, counter)` of replica `replica`.

    Replica 0 draws what a model without replicas draws.
    """
    import tensorflow as tf

    offset = tf.cast(replica, seed.dtype) * _STRIDE
    return seed + tf.stack([offset, tf.zeros_like(offset)])

"""Reads small variables quickly on TensorFlow."""

from typing import Any

import tensorflow as tf
from keras import ops


def read(variable: Any) -> Any:
    """Returns the value of a Keras variable as a NumPy array.

    With one operation: `Variable.numpy()` takes four, and three times as long.
    """
    held = variable.value
    try:
        handle = held.handle
    except (AttributeError, ValueError):  # of several devices
        return ops.convert_to_numpy(variable)
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=held.dtype).numpy()

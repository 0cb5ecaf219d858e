"""What TensorFlow runs on."""

import tensorflow as tf


def has_gpu() -> bool:
    """Tells whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))

"""What TensorFlow runs on."""

import subprocess

import tensorflow as tf


def has_gpu() -> bool:
    """Tells whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def free_device_bytes() -> int | None:
    """Returns the free memory of the GPU; `None` where there is none.

    TensorFlow may have taken all of it for itself and does not say how much,
    so the driver is asked, and what TensorFlow holds unused is added.
    """
    if not has_gpu():
        return None
    used = tf.config.experimental.get_memory_info("GPU:0")["current"]
    query = "--query-gpu=memory.total,memory.free"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        total, free = (
            int(number) * 2**20
            for number in done.stdout.splitlines()[0].split(",")
        )
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
    grows = tf.config.experimental.get_memory_growth(
        tf.config.list_physical_devices("GPU")[0]
    )
    return free if grows else int(0.9 * total - used)

"""What JAX runs on."""

import jax


def free_device_bytes() -> int | None:
    """Returns the free memory of the GPU; `None` where there is none.

    JAX takes most of a GPU's memory for itself at the start and knows what of
    that it has given out.
    """
    device = jax.devices()[0]
    if device.platform == "cpu":
        return None
    stats = device.memory_stats()
    if not stats or "bytes_limit" not in stats:
        return None
    return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))

"""`Options`: what an engine must know before it is traced."""

import dataclasses

import keras

from kreg._validation import fail


@dataclasses.dataclass(frozen=True)
class Options:
    """Choices that shape the compiled functions.

    Attributes:
        shared_seeds: Whether the random generators of all trials are in one
            state, so that random numbers are drawn once for all.
        own_data: Whether each trial has batches of its own, as in
            cross-validation.
        jit: Whether TensorFlow's XLA compiles whole epochs.
    """

    shared_seeds: bool = True
    own_data: bool = False
    jit: bool = False


def resolved_jit(value: bool | str) -> bool:
    """Returns whether XLA compiles, for the argument `jit_compile`.

    On JAX it always does. On a CPU, TensorFlow's XLA makes products of
    stacked matrices many times slower, so `"auto"` wants a GPU.
    """
    if isinstance(value, bool):
        return value and keras.backend.backend() == "tensorflow"
    if value != "auto":
        fail("jit_compile", '`True`, `False` or `"auto"`', value)
    if keras.backend.backend() != "tensorflow":
        return False
    from kreg.population._devices_tensorflow import has_gpu

    return has_gpu()

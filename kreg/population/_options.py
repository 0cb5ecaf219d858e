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
        jit: Whether TensorFlow's XLA compiles the steps.
        jit_is_optional: Whether steps that XLA cannot compile run without it.
    """

    shared_seeds: bool = True
    own_data: bool = False
    jit: bool = False
    jit_is_optional: bool = False


def jit_options(value: bool | str) -> dict[str, bool]:
    """Returns the options of XLA, for the argument `jit_compile`.

    On JAX it always compiles. On a CPU, compiling takes seconds, and what
    TensorFlow's XLA makes is quicker for some models and slower for others, so
    `"auto"` wants a GPU.
    """
    if not isinstance(value, bool) and value not in ("auto", "try"):
        fail("jit_compile", '`True`, `False`, `"try"` or `"auto"`', value)
    if keras.backend.backend() != "tensorflow":
        return {"jit": False}
    if isinstance(value, bool):
        return {"jit": value}
    from kreg.population._devices_tensorflow import has_gpu

    return {"jit": value == "try" or has_gpu(), "jit_is_optional": True}

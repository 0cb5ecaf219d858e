"""Builds a model as if it were the first."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

import keras


def as_if_first(build: Callable[[], Any]) -> Any:
    """Returns `build()`, where Keras counts the names of layers anew.

    Keras counts per thread, so a thread of its own does what `clear_session`
    does in KerasTuner; but what the user has set stays set, and TensorFlow
    keeps its kernels, without which the next model takes twice as long.

    Args:
        build: Function without arguments.
    """
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()

    def inside() -> Any:
        keras.config.set_dtype_policy(policy)
        if distribution is not None:
            keras.distribution.set_distribution(distribution)
        return build()

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()

"""The same random numbers for every trial."""

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np


@contextlib.contextmanager
def seeded_build(seed: int) -> Iterator[None]:
    """Inside, models of one architecture get the same weights and masks.

    Initializers and noise layers without a seed take one from Python's
    `random`, which is put back afterwards.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def seeded_fit(seed: int) -> Iterator[None]:
    """Inside, `fit` draws the same batches for every trial.

    Python's and NumPy's generators are put back afterwards; the backend's
    has no state that could be.
    """
    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])

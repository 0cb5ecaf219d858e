"""Runs the examples in all docstrings of the package."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest
from keras import ops

import kreg

OTHER_BACKENDS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
NOT_IMPORTED = ("__main__", *(f"_{name}" for name in OTHER_BACKENDS))
# What maps over trials needs a backend that can map a function.
MAPPED = pytest.mark.backends("tensorflow", "jax")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(kreg.__path__, "kreg.")
    if not module.name.endswith(NOT_IMPORTED)
)
EXAMPLES = [
    pytest.param(
        name, marks=[MAPPED] if name.startswith("kreg.population.") else []
    )
    for name in MODULES
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of(name):
    module = importlib.import_module(name)
    names = {"keras": keras, "kreg": kreg, "np": np, "ops": ops}
    failed, _ = doctest.testmod(
        module,
        extraglobs=names,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert failed == 0

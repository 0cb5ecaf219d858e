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
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(kreg.__path__, "kreg.")
    if not module.name.endswith(NOT_IMPORTED)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    module = importlib.import_module(name)
    names = {"keras": keras, "kreg": kreg, "np": np, "ops": ops}
    failed, _ = doctest.testmod(
        module,
        extraglobs=names,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert failed == 0

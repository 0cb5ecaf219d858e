"""What a person meets first: installation, version, a missing backend."""

import importlib.metadata
import importlib.resources
import os
import subprocess
import sys

import keras
import pytest

import kreg

WITHOUT_BACKEND = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import kreg
"""


def test_version_is_that_of_the_distribution():
    assert kreg.__version__ == importlib.metadata.version("kreg")


def test_type_checkers_are_told_that_it_is_typed():
    assert importlib.resources.files("kreg").joinpath("py.typed").is_file()


def test_a_missing_backend_names_the_extras():
    backend = keras.backend.backend()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BACKEND, backend],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: kreg needs a Keras backend")
    for extra in ("kreg[tensorflow]", "kreg[jax]", "kreg[torch]"):
        assert extra in last


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'regularizer'"):
        kreg.regularizer  # noqa: B018


def test_what_loads_on_first_use_is_listed():
    assert {"tuners", "reports", "layers", "strengths"} <= set(dir(kreg))

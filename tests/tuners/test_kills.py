"""A search that is killed with `kill -9` goes on; see the script."""

import pathlib
import subprocess
import sys

import pytest

SOAK = pathlib.Path(__file__).parents[2] / "benchmarks" / "soak_search.py"


# The files are the same on every backend; this one is imported the soonest.
@pytest.mark.backends("torch")
def test_kills():
    done = subprocess.run(
        [sys.executable, str(SOAK), "--kills", "5", "--trained", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 kills, ") == 4

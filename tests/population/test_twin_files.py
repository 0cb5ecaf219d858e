"""The last state of some arrays, in two files written in turns."""

import errno
import os

import numpy as np
import pytest

from kreg.population._twin_files import TwinFiles

pytestmark = pytest.mark.backends("tensorflow", "jax")


def state(seed):
    random = np.random.default_rng(seed)
    return {
        "w/0": random.normal(size=(3, 5)).astype("float32"),
        "w/1": random.normal(size=(2, 2, 3)).astype("float64")[:, ::-1],
        "seed": random.integers(9, size=(3, 2)).astype("uint32"),
        "flag": np.array([True, False, True]),
        "step": np.int64(seed) * np.ones((), "int64"),
        "none": np.zeros((0, 4), "float32"),
    }


def assert_holds(path, seed):
    arrays, info = TwinFiles(path).read()
    expected = state(seed)
    assert info == {"seed": seed, "loss": [0.1, float("inf")]}
    assert list(arrays) == list(expected)
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state")


def write(files, seed):
    files.write(state(seed), {"seed": seed, "loss": [0.1, float("inf")]})


def test_the_last_state_counts(path):
    assert TwinFiles(path).read() is None
    files = TwinFiles(path)
    for seed in range(5):
        write(files if seed != 3 else TwinFiles(path), seed)
        files = TwinFiles(path) if seed == 3 else files
        assert_holds(path, seed)
    names = sorted(os.listdir(os.path.dirname(path)))
    assert names == ["state", "state.0", "state.1"]


def test_dtypes_that_are_none_of_numpys(path):
    import ml_dtypes

    array = np.arange(6).astype(ml_dtypes.bfloat16).reshape(2, 3)
    TwinFiles(path).write({"a": array}, None)
    arrays, _ = TwinFiles(path).read()
    assert arrays["a"].dtype == array.dtype
    np.testing.assert_array_equal(arrays["a"], array)


@pytest.mark.parametrize("when", ["data", "index"])
def test_a_write_that_dies_leaves_the_state_before(path, when, monkeypatch):
    files = TwinFiles(path)
    for seed in range(3):
        write(files, seed)
    size = os.path.getsize(f"{path}.1")

    def dies(*arguments):
        if when == "data":  # half of it is new
            with open(f"{path}.1", "r+b") as file:
                file.write(b"x" * (size // 2))
        raise KeyboardInterrupt

    name = {"data": "_overwrite", "index": "_replace"}[when]
    monkeypatch.setattr(f"kreg.population._twin_files.{name}", dies)
    with pytest.raises(KeyboardInterrupt):
        write(files, 3)
    monkeypatch.undo()
    assert_holds(path, 2)
    write(TwinFiles(path), 4)
    assert_holds(path, 4)


def test_a_full_disk(path, monkeypatch):
    files = TwinFiles(path)
    for seed in range(3):
        write(files, seed)

    def fails(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="No space left"):
        write(files, 3)
    monkeypatch.undo()
    assert sorted(os.listdir(os.path.dirname(path))) == [
        "state",
        "state.0",
        "state.1",
    ]
    assert_holds(path, 2)
    write(files, 3)
    assert_holds(path, 3)


def flip(path):
    with open(path, "r+b") as file:
        file.seek(70)
        byte = file.read(1)
        file.seek(70)
        file.write(bytes([byte[0] ^ 1]))


def shorten(path):
    os.truncate(path, os.path.getsize(path) - 1)


def empty(path):
    os.truncate(path.rpartition(".")[0], 0)


@pytest.mark.parametrize("damage", [flip, shorten, os.remove, empty])
def test_damage_is_noticed(path, damage):
    files = TwinFiles(path)
    write(files, 0)
    damage(f"{path}.0")
    with pytest.warns(UserWarning, match="damaged: training begins anew"):
        assert TwinFiles(path).read() is None


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"[1]", b'{"file": 1}'])
def test_another_file_is_not_overwritten(path, content):
    with open(path, "wb") as file:
        file.write(content)
    for use in (lambda: write(TwinFiles(path), 0), TwinFiles(path).read):
        with pytest.raises(ValueError, match="`snapshot`. Expected a file"):
            use()
    with open(path, "rb") as file:
        assert file.read() == content

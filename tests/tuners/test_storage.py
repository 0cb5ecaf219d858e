"""Where the disk is full or may not be written, nothing is half-written."""

import builtins
import errno
import io
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import kreg.tuners
from kreg.population import _twin_files
from kreg.tuners import _files


def build(hp):
    hp.Float("a", 0.0, 1.0)
    model = keras.Sequential()
    model.compile("sgd", "mse")
    return model


def random_search(path, **kwargs):
    arguments = {"max_trials": 6, "population": 2, "seed": 1, **kwargs}
    return kreg.tuners.RandomSearch(build, "loss", directory=path, **arguments)


@pytest.fixture
def disk(monkeypatch):
    """A disk with room for `disk.room` more files."""

    class Disk:
        room = 10**9

    replace = os.replace

    def full(source, path):
        Disk.room -= 1
        if Disk.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, path)

    monkeypatch.setattr(os, "replace", full)
    return Disk


@pytest.mark.parametrize("room", range(0, 15, 2))
def test_full_disk(room, disk, waves, tmp_path):
    """At whatever file the disk gets full, the search goes on afterwards."""
    disk.room = room
    with pytest.raises(OSError, match="No space left on device") as raised:
        random_search(tmp_path).search(x=(), verbose=0)
    assert raised.value.errno == errno.ENOSPC
    assert "Could not write" in str(raised.value)
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text())
    assert not list(tmp_path.rglob(".new*"))
    ended = {
        path: path.read_text()
        for path in tmp_path.rglob("trial.json")
        if json.loads(path.read_text())["status"] == "COMPLETED"
    }
    disk.room = 10**9
    tuner = random_search(tmp_path)
    tuner.search(x=(), verbose=0)
    assert [r.status for r in tuner.results] == ["COMPLETED"] * 6
    assert all(path.read_text() == text for path, text in ended.items())


def test_a_file_that_is_cut_short(monkeypatch, tmp_path):
    path = tmp_path / "state.json"
    _files.write_json(str(path), {"a": 1})

    def opened(*args, **kwargs):
        file = open_(*args, **kwargs)
        write = file.write

        def half(text):
            write(text[:3])
            file.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.write = half
        return file

    open_ = builtins.open
    monkeypatch.setattr(builtins, "open", opened)
    with pytest.raises(_files.StorageError, match="Nothing on the disk was"):
        _files.write_json(str(path), {"a": 2})
    monkeypatch.undo()
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_folder_that_may_not_be_made(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(OSError, match="Could not make the folder .*Permission"):
        random_search(tmp_path / "new")


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "untitled_project").write_text("")
    with pytest.raises(OSError, match="Could not make the folder"):
        random_search(pathlib.Path(tmp_path))


def test_full_disk_while_training(monkeypatch, data, tmp_path):
    def build_dense(hp):
        model = keras.Sequential([keras.layers.Dense(2)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 0.0, 0.1)), "mse")
        return model

    class Full(io.FileIO):
        def write(self, content):
            super().write(content[:2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(path, mode):
        return Full(path, mode) if path[-2:] in (".0", ".1") else open(path)

    def full(path, **arrays):
        pathlib.Path(path).write_bytes(b"PK")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_twin_files, "open", opened, raising=False)
    monkeypatch.setattr(np, "savez", full)  # of what trains one by one
    tuner = kreg.tuners.RandomSearch(
        build_dense, "loss", max_trials=2, directory=tmp_path
    )
    with pytest.raises(OSError, match="Could not write .*in_progress.*No spac"):
        tuner.search(data["x"], data["x"][:, :2], verbose=0)
    assert {r.status for r in tuner.results} == {"RUNNING"}
    (progress,) = tmp_path.rglob("in_progress")
    assert not [path for path in progress.rglob("*") if path.is_file()]


WITHOUT_ROOM = """
import resource, sys
import keras
from kreg.tuners import _files
from kreg.tuners._weight_files import WeightFiles, save_weights

model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8)])
model.compile("sgd", "mse")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, most))
for write in (save_weights, WeightFiles().write):
    try:
        _files.replace(sys.argv[1], lambda path: write(path, model))
    except _files.StorageError as error:
        print(error.strerror)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_no_room_for_weights(tmp_path):
    """In a process of its own, since HDF5 would end this one."""
    path = tmp_path / "checkpoint.weights.h5"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert [f"Could not write {path}" in line for line in lines] == [True] * 2
    assert not list(tmp_path.iterdir())

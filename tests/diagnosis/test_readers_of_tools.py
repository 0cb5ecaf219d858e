"""Reads files written by the tools themselves, where they are installed."""

import contextlib
import importlib.util
import sys

import numpy as np
import pytest

from kreg.diagnosis import read_histories, read_history

EPOCHS = 7


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A folder of files that Keras wrote, and the history it returned."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("keras")
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 3)), rng.random((32, 1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callbacks = [keras.callbacks.CSVLogger(folder / "a.csv")]
    if importlib.util.find_spec("tensorboard"):
        board = keras.callbacks.TensorBoard(folder / "tb", write_graph=False)
        callbacks.append(board)
    history = model.fit(
        x,
        y,
        validation_split=0.5,
        epochs=EPOCHS,
        verbose=0,
        callbacks=callbacks,
    )
    model.fit(
        x,
        y,
        validation_split=0.5,
        validation_freq=2,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[keras.callbacks.CSVLogger(folder / "sparse.csv")],
    )
    return folder, history.history


def test_csv_logger(logs):
    folder, history = logs
    read = read_history(folder / "a.csv")
    np.testing.assert_allclose(read.train_loss, history["loss"])
    np.testing.assert_allclose(read.val_loss, history["val_loss"])
    assert read.epochs == tuple(range(EPOCHS))


def test_csv_logger_with_validation_freq(logs):
    folder, _ = logs
    read = read_history(folder / "sparse.csv")
    assert [x is None for x in read.val_loss] == [True, False] * 3 + [True]


@pytest.mark.backends("tensorflow")  # whose extra brings TensorBoard
def test_tensorboard(logs):
    folder, history = logs
    read = read_history(folder / "tb")
    np.testing.assert_allclose(read.train_loss, history["loss"], rtol=1e-6)
    np.testing.assert_allclose(read.val_loss, history["val_loss"], rtol=1e-6)
    assert read.epochs == tuple(range(EPOCHS))


@pytest.mark.backends("tensorflow")
def test_tensorboard_of_several_runs_and_damaged(logs, tmp_path):
    folder, _ = logs
    files = list((folder / "tb").rglob("*tfevents*"))
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        for file in files:
            copy = tmp_path / name / file.relative_to(folder / "tb")
            copy.parent.mkdir(parents=True)
            copy.write_bytes(file.read_bytes())
    assert list(read_histories(tmp_path)) == ["one", "two"]
    broken = next((tmp_path / "one" / "validation").glob("*tfevents*"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) * 2 // 3])
    assert len(read_history(tmp_path, "one").val_loss) == EPOCHS
    assert None in read_history(tmp_path, "one").val_loss
    for _ in range(200):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=3):
            damaged[at] = rng.integers(256)
        broken.write_bytes(damaged)
        with contextlib.suppress(ValueError):
            read_histories(tmp_path)


def test_a_missing_tensorboard_is_named(tmp_path, monkeypatch):
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportError, match=r'pip install "kreg\[tensorflow\]"'):
        read_history(tmp_path)

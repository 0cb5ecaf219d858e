"""Files that nobody vouches for."""

import json
import os

import numpy as np
import pytest

from kreg.diagnosis import History, read_histories, read_history
from kreg.diagnosis._readers import _folders, _limits

COLUMNS = {"loss": [0.9, 0.5, 0.3, 0.2], "val_loss": [1.0, 0.7, 0.6, 0.8]}
ROWS = [
    {"epoch": epoch, "loss": 1 / (epoch + 1), "val_loss": 1.0}
    for epoch in range(4)
]
TABLE = "epoch,loss,val_loss\n0,0.9,1.0\n1,0.5,0.7\n2,0.3,0.6\n3,0.2,0.8\n"
TRIAL = {
    "trial_id": "0",
    "metrics": {
        "metrics": {
            "val_loss": {
                "observations": [
                    {"value": [1.0, 2.0], "step": step} for step in range(4)
                ]
            }
        }
    },
}
SEEDS = {
    ".csv": [TABLE, TABLE.replace(",", ";")],
    ".json": [
        json.dumps(COLUMNS),
        json.dumps({"history": COLUMNS}),
        json.dumps({"run": COLUMNS}),
        json.dumps(ROWS),
        json.dumps({"log_history": ROWS}),
        json.dumps({"trials": [{"intermediate_values": {"1": 0.5, "2": 4}}]}),
        json.dumps(TRIAL),
    ],
    ".jsonl": ["\n".join(map(json.dumps, ROWS))],
    ".log": [TABLE, "\n".join(map(json.dumps, ROWS))],
}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


BAD_FILES = {
    "empty CSV": ("a.csv", ""),
    "no rows": ("a.csv", "epoch,loss,val_loss\n"),
    "no validation": ("a.csv", "epoch,loss\n0,1\n"),
    "words": ("a.csv", "epoch,loss,val_loss\n0,1,low\n"),
    "short row": ("a.csv", "epoch,loss,val_loss\n0,1\n"),
    "long field": ("a.csv", "val_loss\n" + "1" * 200_000),
    "bytes": ("a.csv", "val_loss\n\0\n"),
    "empty JSON": ("a.json", ""),
    "cut JSON": ("a.json", '{"val_loss": [1, 2'),
    "deep JSON": ("a.json", "[" * 200_000),
    "deep JSON object": ("a.json", '{"a":' * 200_000),
    "number": ("a.json", "3"),
    "null": ("a.json", "null"),
    "empty list": ("a.json", "[]"),
    "list of numbers": ("a.json", "[1, 2]"),
    "no lists": ("a.json", '{"val_loss": 3}'),
    "empty curve": ("a.json", '{"val_loss": []}'),
    "words in JSON": ("a.json", '{"val_loss": ["low"]}'),
    "nested curve": ("a.json", '{"val_loss": [[1]]}'),
    "unequal lengths": ("a.json", '{"loss": [1, 2], "val_loss": [1, 2, 3]}'),
    "bad epochs": ("a.json", '{"epoch": [1, 1], "val_loss": [1, 2]}'),
    "object as loss": ("a.json", '[{"epoch": 0, "val_loss": {}}]'),
    "truth as loss": ("a.json", '[{"epoch": 0, "val_loss": true}]'),
    "bad log": ("a.json", '{"log_history": [1]}'),
    "huge number": ("a.json", '{"val_loss": [1' + "0" * 5000 + "]}"),
    "bad trial": ("trial.json", '{"trial_id": "0", "metrics": {"loss": 1}}'),
    "bad observation": (
        "trial.json",
        '{"trial_id": "0", "metrics": {"val_loss": {"observations": [1]}}}',
    ),
    "no values": ("a.json", '{"trials": [{"number": 0}]}'),
    "bad step": ("a.json", '[{"intermediate_values": {"x": 1}}]'),
    "bad value": ("a.json", '[{"intermediate_values": {"1": "x"}}]'),
    "bad journal": ("a.json", '[{"trial_id": 0, "intermediate_value": 1}]'),
    "cut JSONL": ("a.jsonl", '{"val_loss": 1}\n{"val_'),
    "unknown suffix": ("a.pkl", "cos\nsystem\n"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_malformed_files_are_refused(tmp_path, kind):
    name, text = BAD_FILES[kind]
    path = write(tmp_path / name, text)
    if kind == "huge number":  # an infinite loss is one
        assert read_history(path).diagnose().status == "diverged"
        return
    with pytest.raises(ValueError, match="Invalid value for argument `path`"):
        read_history(path)


@pytest.mark.parametrize(
    "around", ['{"val_loss": [1, %s]}', '[{"val_loss": %s}]']
)
def test_no_depth_is_too_deep(around, tmp_path):
    path = tmp_path / "a.json"
    for depth in range(400, 1000, 13):
        path.write_text(around % ("[" * depth + "]" * depth))
        with pytest.raises(ValueError, match="argument `path`"):
            read_histories(path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="No training history at"):
        read_history(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError, match="No training history at ''"):
        read_history("")
    with pytest.raises(ValueError, match="holds no training history"):
        read_history(tmp_path)
    # Of one file that could be meant, what is wrong with it is said.
    write(tmp_path / "a.json", "{")
    with pytest.raises(ValueError, match=r"a\.json', which is not JSON"):
        read_history(tmp_path)
    write(tmp_path / "b.json", "{")
    with pytest.raises(ValueError, match="holds no training history"):
        read_history(tmp_path)


def test_the_error_names_the_columns_and_the_line(tmp_path):
    table = write(tmp_path / "a.csv", "epoch, train/box, val/box\n0,1,2\n")
    with pytest.raises(ValueError, match=r"\['epoch', 'train/box', 'val/box'"):
        read_history(table)
    cut = "\n".join([*map(json.dumps, ROWS), '{"epoch": 4, "lo'])
    with pytest.raises(ValueError, match="whose line 5 is not JSON"):
        read_history(write(tmp_path / "a.jsonl", cut))


def test_not_utf8(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"val_loss\n\xff\xfe\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_history(tmp_path / "a.csv")


def test_files_are_bounded_in_size_and_length(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", TABLE)
    monkeypatch.setattr(_limits, "MAX_BYTES", len(TABLE))
    read_history(path)
    monkeypatch.setattr(_folders, "MAX_BYTES", len(TABLE) - 1)
    with pytest.raises(ValueError, match="larger than"):
        read_history(tmp_path)
    monkeypatch.setattr(_limits, "MAX_BYTES", len(TABLE) - 1)
    with pytest.raises(ValueError, match="larger than"):
        read_history(path)
    monkeypatch.undo()
    monkeypatch.setattr(_limits, "MAX_ROWS", 3)
    with pytest.raises(ValueError, match="more than 3 rows"):
        read_history(path)
    with pytest.raises(ValueError, match="more than 3 rows"):
        read_history(write(tmp_path / "a.json", json.dumps(COLUMNS)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.log"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="not a regular file"):
        read_history(tmp_path / name)
    with pytest.raises(ValueError, match="holds no training history"):
        read_history(tmp_path)


@pytest.mark.backends("tensorflow")  # whose extra brings TensorBoard
def test_a_pipe_of_events_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "events.out.tfevents.1")
    with pytest.raises(ValueError, match="not a regular file"):
        read_history(tmp_path)


def outcome(path):
    """Returns the histories and `None`, or `None` and the error's text."""
    try:
        return read_histories(path), None
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("suffix", SEEDS)
def test_random_damage_raises_nothing_but_value_errors(tmp_path, suffix):
    rng = np.random.default_rng(0)
    path = tmp_path / f"a{suffix}"
    refused = 0
    for _ in range(300):
        data = bytearray(rng.choice(SEEDS[suffix]).encode())
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            tokens = [b"", b",", b'"', b"[", b"}", b"null", b"1e999", b"\xff"]
            token = tokens[rng.integers(len(tokens))]
            data[at : at + int(rng.integers(1, 8))] = token
            data = data or bytearray(b" ")
        path.write_bytes(data)
        histories, error = outcome(path)
        if error is not None:
            refused += 1
            assert "Invalid value for argument `path`" in error
            continue
        for history in histories.values():
            assert isinstance(history, History)
            history.diagnose()
    assert 50 < refused < 300

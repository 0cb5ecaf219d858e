"""`kreg diagnose` on files, as a person and as a program read it."""

import json

import numpy as np
import pytest

from kreg import cli
from kreg.diagnosis import Verdict, diagnose, read_history

TRAIN = np.exp(-np.arange(40) / 8)
RISES = np.concatenate([np.linspace(1, 0.5, 15), np.linspace(0.5, 1, 25)])
FALLS = np.linspace(1, 0.2, 40)


def write(path, val, train=TRAIN):
    columns = {"loss": list(train), "val_loss": list(val)}
    path.write_text(json.dumps(columns))
    return str(path)


@pytest.mark.parametrize(
    ("val", "status"), [(RISES, 1), (FALLS, 0), (FALLS[:3], 0)]
)
def test_the_status_says_whether_it_overfits(val, status, tmp_path, capsys):
    path = write(tmp_path / "a.json", val, TRAIN[: len(val)])
    assert cli.main(["diagnose", path]) == status
    verdict = read_history(path).diagnose()
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(verdict)
    for number, advice in enumerate(verdict.advice, 1):
        assert f"\n{number}. {advice.text}\n" in out


def test_the_curves_are_drawn_with_best_and_onset(tmp_path, capsys):
    path = write(tmp_path / "a.json", RISES)
    cli.main(["diagnose", path])
    lines = capsys.readouterr().out.splitlines()
    verdict = diagnose(TRAIN, RISES)
    axis = next(line for line in lines if "+-" in line)
    assert axis.index("B") < axis.index("O")
    marks = f"B best {verdict.best_epoch}, O onset {verdict.onset_epoch}"
    assert marks in "\n".join(lines)
    assert max(map(len, lines[1:])) <= 72


def test_json_is_the_verdict_alone(tmp_path, capsys):
    path = write(tmp_path / "a.json", RISES)
    assert cli.main(["diagnose", path, "--json"]) == 1
    printed = capsys.readouterr()
    assert Verdict.from_json(printed.out) == diagnose(TRAIN, RISES)
    assert printed.err == ""


def test_one_of_several_histories_overfits(tmp_path, capsys):
    rows = {
        name: {"loss": list(TRAIN), "val_loss": list(val)}
        for name, val in (("calm", FALLS), ("wild\x1b[31m", RISES))
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows))
    assert cli.main(["diagnose", str(path), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert [v["overfitting"] for v in printed.values()] == [False, True]
    assert cli.main(["diagnose", str(path)]) == 1
    out = capsys.readouterr().out
    assert "calm: still improving" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.csv", None, "No training history at"),
        ("a.pkl", b"\x80\x04.", "whose suffix is none of"),
        ("a.csv", b"epoch,loss\n0,1\n", "no validation loss"),
        ("a.json", b"\xff", "not UTF-8"),
        ("\x1b]2;a.json", b"{", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    name, data, why, options, tmp_path, capsys
):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert cli.main(["diagnose", str(tmp_path / name), *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("kreg diagnose: ")
    assert why in printed.err
    assert printed.err.count("\n") == 1
    assert "\x1b" not in printed.err

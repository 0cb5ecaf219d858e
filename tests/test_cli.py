"""The `kreg` command, with a demo that is cut short."""

import contextlib
import importlib.metadata
import io
import re
import runpy
import sys

import pytest

from kreg import cli
from kreg._demo import data, network, table


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    version = importlib.metadata.version("kreg")
    assert capsys.readouterr().out == f"kreg {version}\n"


def test_without_a_command_it_prints_help(capsys):
    assert cli.main([]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5"])
def test_bad_count(count, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["demo", f"--epochs={count}"])
    assert exit_.value.code == 2
    assert f"expected a positive integer, received '{count}'" in (
        capsys.readouterr().err
    )


def short_demo(output):
    arguments = ["--epochs=2", "--trials=2", "--seeds=1"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert cli.main(["demo", f"--output={output}", *arguments]) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A directory and what the demo printed that wrote to it."""
    output = tmp_path_factory.mktemp("demo") / "new" / "pictures"
    return output, short_demo(output)


def test_demo(demo):
    output, printed = demo
    names = ["no regularization", "L2 0.0001, dropout 0.5"]
    names += ["L2 0.0001, dropout 0 to 0.5", "best of 2 trials"]
    for name in names:
        row = rf"^{name} +\d\.\d+ +\d\.\d+ +\d+\.\d % +-?\d\.\d+ +\w.*$"
        assert re.search(row, printed, re.MULTILINE)
    assert "with L2" in printed
    assert re.search(
        r"Best strengths: (L2 \d\S*|no L2), dropout 0\.\d", printed
    )
    pictures = sorted(path.name for path in output.iterdir())
    assert pictures == [
        f"{name}.png"
        for name in ("scheduled", "searched", "textbook", "unregularized")
    ]
    assert str(output / "unregularized.png") in printed


@pytest.mark.backends("tensorflow")  # others have tests of their layers
def test_demo_prints_the_same_twice(demo):
    output, first = demo
    timeless = [
        re.sub(r"Took \d+ s", "", printed)
        for printed in (first, short_demo(output))
    ]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize(
    ("module", "extra"), [("mlxtend.data", "dev"), ("matplotlib", "report")]
)
def test_demo_says_what_is_missing(
    module, extra, monkeypatch, capsys, tmp_path
):
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["demo", f"--output={tmp_path}"]) == 1
    printed = capsys.readouterr()
    assert f"pip install 'kreg[{extra}]'" in printed.err
    assert printed.out == ""


def test_demo_needs_a_directory_it_can_write_to(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert cli.main(["demo", f"--output={file}"]) == 1
    assert "kreg demo: " in capsys.readouterr().err


def test_the_three_parts_share_no_image():
    train, validation, test = data.load()
    assert [len(part.x) for part in (train, validation, test)] == [
        512,
        1000,
        3488,
    ]
    rows = [
        row.tobytes() for part in (train, validation, test) for row in part.x
    ]
    assert len(set(rows)) == len(rows) == 5000
    assert set(train.y) == set(range(10))
    assert (train.x.min(), train.x.max()) == (0.0, 1.0)


def test_table_has_mean_spread_and_most_common_verdict():
    class Watched:
        def __init__(self, status, gap):
            self.verdict = type("Verdict", (), {"status": status})
            self.history = {"generalization_gap": [0.0, gap]}

    runs = [
        network.Result(0.5, 0.3, 0.91, Watched("overfitting", 0.1)),
        network.Result(0.7, 0.5, 0.93, Watched("overfitting", 0.1)),
        network.Result(0.6, 0.4, 0.92, Watched("healthy", 0.4)),
    ]
    last = table.table({"some": runs}).splitlines()[-1]
    cells = ["some", "0.600 (0.100)", "0.400 (0.100)", "92.0 (1.0) %"]
    cells += ["0.200 (0.173)", "overfitting (2 of 3)"]
    assert re.split(r"  +", last) == cells


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kreg", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("kreg", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("kreg ")

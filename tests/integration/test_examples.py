"""Every example runs, and what it prints is so."""

import importlib
import pathlib
import re
import runpy

import keras
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
EAGER = keras.backend.backend() == "torch"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs an example as a script, in this process; returns what it prints."""

    def run(name, *arguments):
        path = str(EXAMPLES / f"{name}.py")
        monkeypatch.setattr("sys.argv", [path, *arguments])
        runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out

    return run


def test_quickstart(run, tmp_path):
    printed = run("quickstart", str(tmp_path))
    assert re.search(r"dense/kernel_regularizer/l2 +0\.0001\n", printed)
    assert re.search(r"scheduled_dropout/rate +0\.5  x Ramp\n", printed)
    verdict = re.search(r"Verdict: (.+)\n", printed)
    assert "best epoch" in verdict[1]
    picture = tmp_path / "curves.png"
    assert f"Curves: {picture}\n" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_quickstart_is_short():
    lines = (EXAMPLES / "quickstart.py").read_text().splitlines()
    assert len(lines) < 60


NUMBER = r"(\d+\.\d+|\d+)"
EPOCH = re.compile(
    rf"epoch (\d): l2 {NUMBER} +penalty in the loss {NUMBER} \(expected "
    rf"{NUMBER} to {NUMBER}\); rate {NUMBER} +zeros {NUMBER}"
)


def test_steer_mid_fit(run):
    printed = run("steer_mid_fit")
    epochs = [tuple(map(float, found)) for found in EPOCH.findall(printed)]
    assert [epoch[0] for epoch in epochs] == [0, 1, 2, 3, 4]
    for _, lambda_, penalty, low, high, rate, zeros in epochs:
        assert low - 1e-3 <= penalty <= high + 1e-3
        assert (penalty > 0) == (lambda_ > 0)
        assert zeros == pytest.approx(rate, abs=0.02)
    assert epochs[3][2] / epochs[2][2] == pytest.approx(10, rel=0.05)
    assert ("Traced again after the first epoch: 0 times." in printed) != EAGER


STEP = re.compile(
    rf"step +(\d+): l2 {NUMBER}, rate {NUMBER}, data loss +{NUMBER}, "
    rf"penalty {NUMBER}"
)


def test_custom_loop(run):
    printed = run("custom_loop")
    steps = [tuple(map(float, found)) for found in STEP.findall(printed)]
    assert [step[0] for step in steps] == [0, 29, 30, 59]
    assert [step[1] for step in steps] == [0.0, 0.0, 0.1, 0.1]
    rates = [0.5 * (step[0] + 1) / 60 for step in steps]
    assert [step[2] for step in steps] == pytest.approx(rates, abs=1e-3)
    assert [step[4] > 0 for step in steps] == [False, False, True, True]
    assert steps[1][3] < steps[0][3]  # it trains
    assert steps[3][4] < steps[2][4]  # and obeys the penalty
    assert ("traced 1 time for 60 steps" in printed) != EAGER


STUDIES = {  # arguments and constants that let each run within seconds
    "bias_variance": (("curves.png", 2, 10), {}),
    "co_adaptation": ((), {"TRAIN": 100}),
    "compress": ((".", 3), {}),
    "lasso_and_ridge": ((), {}),
    "schedules": ((), {"EPOCHS": 1, "STEPS": 20, "RATES": (0.7,)}),
}


@pytest.mark.backends("tensorflow")  # they show methods, not backends
@pytest.mark.parametrize("name", STUDIES)
def test_studies_run_in_small(name, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [name, ".", "--seeds", "2"])
    study = importlib.import_module(name)
    arguments, constants = STUDIES[name]
    for constant, value in constants.items():
        monkeypatch.setattr(study, constant, value)
    study.main(*arguments)
    assert re.search(r"\d\.\d", capsys.readouterr().out)
    pictures = list(tmp_path.glob("*.png"))
    assert bool(pictures) == (name != "lasso_and_ridge")
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)


ACCURACY = re.compile(r"Accuracy of the (.+) on what (\w+).*: (0\.\d+)\n")


@pytest.mark.backends("tensorflow")  # searches have tests on every backend
def test_keras_tuner_one_import(run):
    printed = run("keras_tuner_one_import", "2", "1")
    judged = ACCURACY.findall(printed)
    assert [data for _, data, _ in judged] == ["chose", "judges", "judges"]
    assert all(float(accuracy) > 0.5 for _, _, accuracy in judged)
    assert printed.count("Spread: ") == 2


def test_one_import_is_all_that_was_changed():
    source = (EXAMPLES / "keras_tuner_one_import.py").read_text()
    lines = [line for line in source.splitlines() if "kreg" in line]
    assert [line.split("  #")[0] for line in lines] == [
        "import kreg.tuners as keras_tuner"
    ]


def test_every_example_has_a_test():
    by_name = {"quickstart", "steer_mid_fit", "custom_loop"}
    tested = {*by_name, "keras_tuner_one_import", *STUDIES}
    assert tested == {path.stem for path in EXAMPLES.glob("*.py")}

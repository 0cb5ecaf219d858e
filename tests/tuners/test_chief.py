"""A chief and a worker, as KerasTuner's guide on distributed tuning has it."""

import os
import socket
import threading
import time

import keras
import pytest

import kreg.tuners


def build(hp):
    penalty = keras.regularizers.L2(hp.Float("l2", 0.0, 1.0))
    model = keras.Sequential(
        [keras.layers.Dense(1, kernel_regularizer=penalty)]
    )
    model.compile("sgd", "mse")
    return model


def random_search(path, **kwargs):
    return kreg.tuners.RandomSearch(
        build, max_trials=2, seed=1, directory=path, project_name="p", **kwargs
    )


@pytest.fixture
def become(monkeypatch):
    """Function that makes this process a chief or a worker, or neither."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def become(role):
        if role is None:
            monkeypatch.undo()
            return
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", port)
        monkeypatch.setenv("KERASTUNER_TUNER_ID", role)

    return become


@pytest.fixture
def served(become, tmp_path):
    """Path of a project that a chief serves to this process, a worker."""
    become("chief")
    tuner = random_search(tmp_path)
    chief = threading.Thread(target=tuner.search, daemon=True)
    chief.start()
    while not (tmp_path / "p" / "oracle.json").exists():
        time.sleep(0.01)  # till then, it looks at what it is
    become("tuner0")
    return tmp_path


def test_a_worker_tells_what_was_found(served, data, capsys):
    tuner = random_search(served)
    tuner.search(**data, epochs=2, verbose=0)
    best, second = tuner.results
    if best.objective > second.objective:
        best, second = second, best
    assert {best.status, second.status} == {"COMPLETED"}
    tuner.results_summary()
    assert "Trial 1 summary" in capsys.readouterr().out
    (found,) = tuner.get_best_hyperparameters()
    assert found.values == best.hyperparameters
    models = tuner.get_best_models(2)
    losses = [
        m.evaluate(*data["validation_data"], verbose=0) - float(sum(m.losses))
        for m in models
    ]
    expected = [best.objective, second.objective]
    assert losses == pytest.approx(expected, rel=1e-5)


def test_the_project_opens_without_a_chief(served, become, data):
    worker = random_search(served)
    worker.search(**data, verbose=0)
    found = worker.results
    become(None)
    tuner = random_search(served)
    assert [r.objective for r in tuner.results] == pytest.approx(
        [r.objective for r in found], rel=1e-6
    )
    tuner.search(**data, verbose=0)
    assert len(tuner.results) == 2
    with pytest.raises(ValueError, match="not by GridSearch"):
        kreg.tuners.GridSearch(build, directory=served, project_name="p")


def test_a_worker_replaces_its_file(served, monkeypatch, data):
    """A kill while it is written would leave it empty, for ever."""
    replaced = []
    replace = os.replace

    def noted(source, path):
        replaced.append(os.path.basename(path))
        replace(source, path)

    monkeypatch.setattr(os, "replace", noted)
    random_search(served).search(**data, verbose=0)
    assert "tuner0.json" in replaced

import gc
import os

import keras_tuner
import numpy as np
import pytest

from kreg.tuners import _search, _unreported
from kreg.tuners._runs import Outcome, Paused


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch):
    """KerasTuner and kreg collect garbage: half a second each time here."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)


@pytest.fixture
def data():
    """Two classes of 48 samples: 32 to train on, 16 to validate with."""
    random = np.random.default_rng(3)
    x = random.normal(size=(48, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    return {"x": x[:32], "y": y[:32], "validation_data": (x[32:], y[32:])}


@pytest.fixture
def objective():
    return keras_tuner.Objective("val_data_loss", "min")


@pytest.fixture
def waves(monkeypatch):
    """Has searches train by a fake that takes whole waves; lists them.

    Each is a list of runs, with the `span` of epochs that they trained for.
    """
    trainer = FakeTrainer()
    monkeypatch.setattr(_search, "trainers_of", lambda *_: [trainer])
    return trainer.waves


class TrainedWave(list):
    def __init__(self, runs, span):
        super().__init__(runs)
        self.span = span


class FakeTrainer:
    """Trains nothing: the loss is a known function of the values."""

    def __init__(self):
        self.waves = []

    def can_train(self, model, callbacks, fit):
        return None

    def at_once(self, model, fit, population):
        return 4 if population == "auto" else population

    def get_ready(self, runs, size, fit):
        pass

    def train(self, runs, until, fit, folder, on_epoch_end):
        self.waves.append(TrainedWave(runs, (runs[0].next_epoch, until)))
        loss = fit.get("x") or (lambda run: run.hyperparameters.get("a"))
        losses = [float(loss(run)) for run in runs]
        on_epoch_end(0, [{"loss": value} for value in losses])
        return [
            Outcome({"loss": [v]}, 0, {"loss": v})
            if run.epochs <= until
            else Paused(until, self._state(run, until, folder), [], None, {})
            for run, v in zip(runs, losses, strict=True)
        ]

    def _state(self, run, until, folder):
        assert run.paused is None or os.path.exists(run.paused.state)
        path = _unreported.path_of_state(folder, run.name, until)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w"):
            return path

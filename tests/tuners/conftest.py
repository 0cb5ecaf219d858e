import gc

import keras_tuner
import numpy as np
import pytest

from kreg.tuners import _search
from kreg.tuners._runs import Outcome


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
    """Has searches train by a fake that takes whole waves; lists them."""
    trainer = FakeTrainer()
    monkeypatch.setattr(_search, "trainers_of", lambda *_: [trainer])
    return trainer.waves


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

    def train(self, runs, fit, folder, on_epoch_end):
        self.waves.append(runs)
        loss = fit.get("x") or (lambda run: run.hyperparameters.get("a"))
        losses = [float(loss(run)) for run in runs]
        on_epoch_end(0, [{"loss": value} for value in losses])
        return [Outcome({"loss": [v]}, 0, {"loss": v}) for v in losses]

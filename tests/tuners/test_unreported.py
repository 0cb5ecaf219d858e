"""A kill while the trials of a wave are reported, one after another."""

import math
import os
import shutil
from types import SimpleNamespace

import keras

import kreg.tuners
from kreg.tuners import _unreported
from kreg.tuners._runs import Paused


def paused_in(folder, epoch):
    path = _unreported.path_of_state(str(folder), "7_0", epoch)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w"):
        return Paused(epoch, path, [{"loss": 1.0}], None, {"rate": 0.5})


def test_what_pauses_moves_with_its_project(tmp_path):
    before, after = tmp_path / "before", str(tmp_path / "after")
    _unreported.write(str(before), {"7_0": paused_in(before, 3)})
    before.rename(after)
    trials = {"7": SimpleNamespace(status="RUNNING")}
    found = _unreported.read(after, trials)["7_0"]
    assert found == paused_in(after, 3)


def test_states_are_kept_while_they_are_known_of(tmp_path):
    """The last one until the next is known of, and then no longer."""
    last, next_one = paused_in(tmp_path, 1), paused_in(tmp_path, 3)
    assert os.path.exists(last.state)
    _unreported.forget(str(tmp_path), {"7_0": next_one})
    assert os.path.exists(next_one.state)
    assert not os.path.exists(last.state)
    _unreported.forget(str(tmp_path), {})
    assert not os.path.exists(tmp_path)


def build(hp):
    hp.Float("a", 0.0, 1.0)
    model = keras.Sequential()
    model.compile("sgd", "mse")
    return model


class Copied(kreg.tuners.RandomSearch):
    """Copies the project as a kill after two reports would leave it."""

    reports = 0

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        self.reports += 1
        if self.reports == 2:
            folder = str(self.project_dir)
            shutil.copytree(folder, folder.replace("whole", "killed"))


def tuner_in(folder, cls):
    return cls(
        build,
        "loss",
        max_trials=6,
        population=4,
        seed=1,
        directory=folder,
        project_name="p",
        max_retries_per_trial=1,
    )


def reopened(folder):
    # The name of the class is part of the project.
    cls = type("Copied", (kreg.tuners.RandomSearch,), {})
    return tuner_in(folder / "killed", cls)


def test_the_trials_left_are_not_trained_again(waves, tmp_path):
    tuner = tuner_in(tmp_path / "whole", Copied)
    tuner.search(x=(), verbose=0)
    del waves[:]
    again = reopened(tmp_path)
    statuses = [t.status for t in again.oracle.trials.values()]
    assert sorted(statuses) == ["COMPLETED"] * 2 + ["RUNNING"] * 2
    again.search(x=(), verbose=0)
    assert [[run.trial_id for run in wave] for wave in waves] == [["4", "5"]]
    assert again.results[:4] == tuner.results[:4]


def test_a_reported_failure_is_tried_again(waves, tmp_path):
    """By its own training, not by what came of the first try."""

    def loss(run):
        tries.append(run.trial_id)
        return math.nan if tries.count(run.trial_id) == 1 else 0.5

    tries = []
    tuner_in(tmp_path / "whole", Copied).search(x=loss, verbose=0)
    del waves[:], tries[:]
    tries += ["0", "1", "2", "3"]
    again = reopened(tmp_path)
    statuses = [t.status for t in again.oracle.trials.values()]
    assert sorted(statuses) == ["INVALID"] * 2 + ["RUNNING"] * 2
    again.search(x=loss, verbose=0)
    assert {run.trial_id for run in waves[0]} == {"0", "1"}
    assert {r.status for r in again.results} == {"COMPLETED"}

"""Kills a search with `kill -9` again and again; nothing may be lost.

    python benchmarks/soak_search.py --kills 200 --trained 20

The trials are fake and take a millisecond, so that most of the time goes into
writing state, where a kill does most harm. After each kill the project must
open, every trial that had ended must be as it was, and none of those may have
been run again, nor any part of one that had paused. KerasTuner 1.4.8 could not
open its project after 69 of 150 such kills.

`--trained` kills hit a search that trains: no trial may begin an epoch that is
before the one it was in.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import random
import signal
import tempfile
import time

import keras
import numpy as np

import kreg.tuners
from kreg.tuners import _files, _search, _unreported
from kreg.tuners._runs import Outcome, Paused

SECONDS = 0.2  # at most, from the start of a search to the kill
SECONDS_OF_TRAINING = 8.0
EPOCHS = 60
TUNERS = {
    "random": lambda count, **kw: kreg.tuners.RandomSearch(
        build, "loss", max_trials=count, **kw
    ),
    "grid": lambda count, **kw: kreg.tuners.GridSearch(
        build, "loss", max_trials=count, **kw
    ),
    "bayesian": lambda count, **kw: kreg.tuners.BayesianOptimization(
        build, "loss", max_trials=count, **kw
    ),
    "hyperband": lambda count, **kw: kreg.tuners.Hyperband(
        build, "loss", max_epochs=9, factor=3, hyperband_iterations=4, **kw
    ),
}


def build(hp):
    hp.Float("a", 0.0, 1.0)
    hp.Float("b", 0.0, 1.0)
    model = keras.Sequential()
    model.compile("sgd", "mse")
    return model


class FakeTrainer:
    """Trains nothing, and writes what a trainer writes."""

    def __init__(self, folder):
        self.journal, self.begins = folder / "journal", folder / "begins"

    def can_train(self, model, callbacks, fit):
        return None

    def at_once(self, model, fit, population):
        return population

    def get_ready(self, runs, size, fit):
        pass

    def train(self, runs, until, fit, folder, on_epoch_end):
        found = []
        for run in runs:
            assert run.paused is None or os.path.exists(run.paused.state)
            note(self.journal, run.trial_id)
            note(self.begins, f"{run.trial_id} {run.next_epoch}")
            path = os.path.join(folder, f"{run.name}.json")
            _files.write_json(path, {"epoch": 0})
            values = run.hyperparameters.values
            loss = (values["a"] - 0.3) ** 2 + (values["b"] - 0.6) ** 2
            _files.write_json(run.weights, [loss])
            found.append(self.found(run, until, folder, loss))
            time.sleep(0.001)
        return found

    def found(self, run, until, folder, loss):
        if run.epochs <= until:
            return Outcome({"loss": [loss]}, 0, {"loss": loss})
        state = _unreported.path_of_state(folder, run.name, until)
        _files.make_folder(os.path.dirname(state))
        _files.write_json(state, [loss])
        return Paused(until, state, [{"loss": loss}], None, {})


def note(path, line):
    """Appends a line in one system call, which a kill cannot tear."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def search(kind, folder, count, population):
    trainer = FakeTrainer(folder)
    _search.trainers_of = lambda *_: [trainer]
    tuner = TUNERS[kind](
        count, directory=folder, project_name="p", population=population, seed=1
    )
    note(folder / "ready", "")
    tuner.search(x=(), verbose=0)
    return tuner


class Noting(kreg.tuners.RandomSearch):
    """Notes the epochs that each trial begins."""

    def on_epoch_begin(self, trial, model, epoch, logs=None):
        folder = pathlib.Path(self.project_dir).parent
        note(folder / "epochs", f"{trial.trial_id} {epoch}")


def build_dense(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-2)), "mse")
    return model


def trained_search(kind, folder, count, population):
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    tuner = Noting(
        build_dense,
        "loss",
        max_trials=count,
        directory=folder,
        project_name="p",
        population=population,
        seed=1,
    )
    note(folder / "ready", "")
    tuner.search(x, x, epochs=EPOCHS, batch_size=4, verbose=0)


def soak_training(kills, count, population, chance):
    """As `soak`, of a search that trains; returns the epochs begun."""
    done, begun = 0, 0
    while done < kills:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            alive = True
            while alive and done < kills:
                wait = chance.uniform(0.0, SECONDS_OF_TRAINING)
                alive = killed(
                    "trained", folder, count, population, wait, trained_search
                )
                done += alive
            killed("trained", folder, count, population, None, trained_search)
            trials = check_whole("trained", folder, count)
            epochs = collections.defaultdict(list)
            pairs = (folder / "epochs").read_text().splitlines()
            for trial_id, epoch in map(str.split, pairs):
                epochs[trial_id].append(int(epoch))
            assert len(epochs) == trials
            for of_trial in epochs.values():
                assert set(of_trial) == set(range(EPOCHS)), "an epoch was lost"
                assert of_trial == sorted(of_trial), "an epoch was redone"
            begun += len(pairs)
    return begun


def killed(kind, folder, count, population, seconds, search=search):
    """Runs a search in a child; tells whether it was killed midway."""
    (folder / "ready").unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            search(kind, folder, count, population)
            code = 0
        finally:
            os._exit(code)
    while not (folder / "ready").exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            raise AssertionError(f"{kind}: the project could not be opened")
        time.sleep(0.001)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the search failed"
    return os.WIFSIGNALED(status)


def ended(folder):
    """The score of each trial that has ended."""
    trials = [
        json.loads(path.read_text()) for path in folder.glob("p/*/trial.json")
    ]
    return {
        t["trial_id"]: t["score"] for t in trials if t["status"] == "COMPLETED"
    }


def lines(folder):
    journal = folder / "journal"
    return journal.read_text().split() if journal.exists() else []


def soak(kind, kills, count, population, chance):
    """Searches until `kills` kills have hit a search; returns the trials."""
    done, trials = 0, 0
    while done < kills:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            before, alive = {}, True
            while alive and done < kills:
                seen = len(lines(folder))
                wait = chance.uniform(0.0, SECONDS)
                alive = killed(kind, folder, count, population, wait)
                done += alive
                again = set(lines(folder)[seen:]) & before.keys()
                assert not again, f"run twice: {again}"
                after = ended(folder)
                assert before.items() <= after.items(), "a trial was lost"
                before = after
            killed(kind, folder, count, population, None)
            trials += check_whole(kind, folder, count)
    return trials


def check_whole(kind, folder, count):
    """Checks that a search that has come to its end is as if unharmed."""
    project = folder / "p"
    trials = [json.loads(p.read_text()) for p in project.glob("*/trial.json")]
    assert {t["status"] for t in trials} == {"COMPLETED"}
    ids = sorted(int(t["trial_id"]) for t in trials)
    assert ids == list(range(len(trials)))
    assert kind == "hyperband" or len(trials) == count
    assert all(math.isfinite(t["score"]) for t in trials)
    if kind != "hyperband":  # there, a trial goes on with the same values
        values = {
            json.dumps(t["hyperparameters"]["values"], sort_keys=True)
            for t in trials
        }
        assert len(values) == len(trials), "a point was tried twice"
    if (folder / "begins").exists():
        check_goes_on(folder / "begins")
    assert not (project / "in_progress").exists()
    oracle = json.loads((project / "oracle.json").read_text())
    assert sorted(oracle["end_order"]) == sorted(t["trial_id"] for t in trials)
    return len(trials)


def check_goes_on(begins):
    """Checks that no trial went back behind an epoch that it paused at."""
    last = collections.Counter()
    for trial_id, epoch in map(str.split, begins.read_text().splitlines()):
        assert int(epoch) >= last[trial_id], f"went back: {trial_id}"
        last[trial_id] = int(epoch)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--trained", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    share = math.ceil(arguments.kills / len(TUNERS))
    for kind in TUNERS:
        trials = soak(kind, share, 80, chance.choice([1, 4, 16]), chance)
        print(f"{kind}: {share} kills, {trials} trials, none lost or run twice")
    if arguments.trained:
        begun = soak_training(arguments.trained, 8, 4, chance)
        print(
            f"trained: {arguments.trained} kills, {begun} epochs begun of "
            "which no more than the ones in progress were begun twice"
        )


if __name__ == "__main__":
    main()

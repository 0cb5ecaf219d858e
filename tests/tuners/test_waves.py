"""How trials are asked for together, and what becomes of each."""

import collections
import itertools
import json
import math
import os
from types import SimpleNamespace

import keras
import keras_tuner
import pytest

import kreg.tuners
from kreg.tuners import TrialResult, _waves


def build(hp):
    hp.Float("a", 0.0, 1.0)
    model = keras.Sequential()
    model.compile("sgd", "mse")
    return model


def random_search(path, **kwargs):
    arguments = {"max_trials": 10, "seed": 1, "directory": path, **kwargs}
    return kreg.tuners.RandomSearch(build, "loss", **arguments)


def test_a_wave_is_as_large_as_the_population(waves, tmp_path):
    tuner = random_search(tmp_path, population=4)
    tuner.search(x=(), verbose=0)
    assert [len(wave) for wave in waves] == [4, 4, 2]
    assert [run.trial_id for run in itertools.chain(*waves)] == [
        f"0{i}" for i in range(10)
    ]
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert tuner.oracle.end_order == tuner.oracle.start_order
    assert not tuner.oracle.ongoing_trials


def test_executions_and_folds_count_as_models(waves, tmp_path):
    tuner = random_search(tmp_path, population=8, executions_per_trial=3)
    tuner.search(x=(), verbose=0)
    assert [len(wave) for wave in waves] == [6] * 5
    assert {run.seed for run in waves[0]} == {1, 2, 3}


def test_rungs_are_trained_together(waves, tmp_path):
    tuner = kreg.tuners.Hyperband(
        build, "loss", max_epochs=9, directory=tmp_path, population=32, seed=1
    )
    tuner.search(x=(), verbose=0)
    assert all(
        max(run.initial_epoch for run in wave) <= wave.span[0] < wave.span[1]
        for wave in waves
    )
    assert len(tuner.oracle.trials) == 23  # 13, then 6 and 4: KerasTuner's
    promoted = [r for r in itertools.chain(*waves) if r.initial_epoch]
    assert promoted
    rungs = collections.Counter(
        (values["tuner/bracket"], values["tuner/epochs"])
        for values in (r.hyperparameters for r in tuner.results)
    )
    # Table 1 of Li et al., with KerasTuner's smaller brackets.
    assert rungs == {
        **{(2, 1): 9, (2, 3): 3, (2, 9): 1},
        **{(1, 3): 5, (1, 9): 2},
        (0, 9): 3,
    }
    assert all(run.parent is not None for run in promoted)


def test_brackets_go_on_together(waves, tmp_path):
    """What ends later trains with what ends first, as far as there is room."""
    tuner = kreg.tuners.Hyperband(
        build, "loss", max_epochs=9, directory=tmp_path, population=32, seed=1
    )
    tuner.search(x=(), verbose=0)
    spans = [(len(wave), *wave.span) for wave in waves]
    # Of brackets of 9, 5 and 3 trials: the last waits for the second, and all
    # go on from epoch 3 together.
    assert spans == [(9, 0, 1), (8, 0, 3), (3, 1, 3), (6, 3, 9)]
    ids = [
        run.trial_id
        for wave in waves
        for run in wave
        if run.epochs == wave.span[1]
    ]
    assert sorted(ids) == sorted(tuner.oracle.trials)
    assert tuner.oracle.end_order == ids
    assert not tuner.oracle.ongoing_trials
    assert not os.path.exists(tmp_path / "untitled_project" / "in_progress")


def test_brackets_wait_for_no_others_than_fit(waves, tmp_path):
    """Nothing larger is compiled so that some pause."""
    tuner = kreg.tuners.Hyperband(
        build, "loss", max_epochs=27, directory=tmp_path, population=15, seed=1
    )
    tuner.search(x=(), verbose=0)
    assert max(map(len, waves)) <= 15
    ends = {r.trial_id: r.epochs for r in itertools.chain(*waves)}
    trained = collections.Counter()
    for wave in waves:
        begin, until = wave.span
        trained.update({run.trial_id: until - begin for run in wave})
    begins = {r.trial_id: r.initial_epoch for r in itertools.chain(*waves)}
    assert trained == {i: ends[i] - begins[i] for i in ends}


def test_a_trial_is_where_its_furthest_run_is():
    """One of its executions may have ended early; that one is not trained."""

    def trial(name, epochs, *places):
        runs = [SimpleNamespace(epochs=epochs, next_epoch=e) for e in places]
        return name, runs

    asked = [trial("a", 9, 0, 3), trial("b", 9, 3, 3), trial("c", 4, 0, 0)]
    wave, until = _waves.next_wave(asked, room=9)
    assert ([name for name, _ in wave], until) == (["c"], 4)
    wave, until = _waves.next_wave(asked[:2], room=9)
    assert ([name for name, _ in wave], until) == (["a", "b"], 9)


def test_a_rung_is_what_has_the_same_epochs_to_train():
    spans = [(0, 1), (0, 1), (1, 3), (0, 3), (3, 9), (0, 9), (0, 9), (0, 9)]
    trials = [
        SimpleNamespace(
            hyperparameters=SimpleNamespace(
                values={"tuner/initial_epoch": begin, "tuner/epochs": end}
            )
        )
        for begin, end in spans
    ]
    assert _waves.largest_rung(trials) == 3


def test_a_killed_hyperband_goes_on_as_it_was(waves, tmp_path):
    def search(path, loss=()):
        tuner = kreg.tuners.Hyperband(
            build, "loss", max_epochs=9, directory=path, population=32, seed=1
        )
        tuner.search(x=loss, verbose=0)

    search(tmp_path / "whole")
    whole = [[run.name for run in wave] for wave in waves]
    for killed_in in range(len(whole)):
        waves.clear()
        path = tmp_path / str(killed_in)

        def kill(run, number=killed_in):
            if len(waves) > number:
                raise KeyboardInterrupt
            return run.hyperparameters.get("a")

        with pytest.raises(KeyboardInterrupt):
            search(path, kill)
        waves.pop()
        search(path)
        assert [[run.name for run in wave] for wave in waves] == whole


def test_trials_that_are_tried_again_are_in_order(waves, tmp_path):
    """As after a kill: what trains together goes on by its place."""
    tried = set()

    def loss(run):
        is_first = run.trial_id not in tried
        tried.add(run.trial_id)
        return math.nan if is_first and run.trial_id == "0002" else 0.5

    tuner = kreg.tuners.Hyperband(
        build,
        "loss",
        max_epochs=9,
        directory=tmp_path,
        population=12,
        seed=1,
        max_retries_per_trial=1,
    )
    tuner.search(loss, verbose=0)
    again = next(w for w in waves[1:] if "0002" in {r.trial_id for r in w})
    assert len(again) > 1  # others train along, and pause
    for wave in waves:
        names = [run.name for run in wave]
        assert names == sorted(names)


def test_an_interrupted_search_goes_on_in_the_same_process(waves, tmp_path):
    """As in a notebook, where the cell is run once more."""

    def interrupted(run):
        if len(waves) == 2:
            raise KeyboardInterrupt
        return run.hyperparameters.get("a")

    def tuner_in(folder):
        return kreg.tuners.Hyperband(
            build, "loss", max_epochs=9, directory=tmp_path / folder, seed=1
        )

    tuner_in("whole").search(x=(), verbose=0)
    whole = [[run.name for run in wave] for wave in waves]
    waves.clear()
    tuner = tuner_in("interrupted")
    with pytest.raises(KeyboardInterrupt):
        tuner.search(interrupted, verbose=0)
    waves.pop()
    tuner.search(x=(), verbose=0)
    assert [[run.name for run in wave] for wave in waves] == whole
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}


def test_nan_fails_its_trial_alone(waves, tmp_path):
    tuner = random_search(tmp_path, population=2)
    count = itertools.count()
    tuner.search(lambda run: math.nan if next(count) < 6 else 0.5, verbose=0)
    results = tuner.results
    assert [r.status for r in results] == ["FAILED"] * 6 + ["COMPLETED"] * 4
    assert all(r.objective is None for r in results[:6])
    assert "not finite" in results[0].message


def test_errors_in_a_row_end_the_search(tmp_path):
    def broken(hp):
        hp.Float("a", 0.0, 1.0)
        if hp.get("a"):  # which is 0 while the space is looked at
            raise RuntimeError("no such network")
        return build(hp)

    tuner = kreg.tuners.RandomSearch(
        broken,
        "loss",
        max_trials=9,
        population=3,
        directory=tmp_path,
        seed=2,
    )
    with pytest.raises(RuntimeError, match="no such network"):
        tuner.search(x=[1.0], verbose=0)
    trials = tuner.oracle.trials.values()
    assert [t.status for t in trials] == ["FAILED"] * 3
    # Neither a lock nor half a trial is left: the search can go on.
    tuner.oracle.max_consecutive_failed_trials = 5
    with pytest.raises(RuntimeError, match="last 5 trials failed"):
        tuner.search(x=[1.0], verbose=0)


@pytest.mark.parametrize("name", ["mine", "mine [2]"])
def test_a_finished_search_is_not_repeated(name, waves, tmp_path):
    random_search(tmp_path, project_name=name).search(x=(), verbose=0)
    count = len(waves)
    again = random_search(tmp_path, project_name=name)
    again.search(x=(), verbose=0)
    assert len(waves) == count
    assert len(again.results) == 10


def test_trials_left_running_come_first(waves, tmp_path):
    def dies(run):
        if run.trial_id == "05":
            raise KeyboardInterrupt
        return 0.5

    tuner = random_search(tmp_path, population=4)
    with pytest.raises(KeyboardInterrupt):
        tuner.search(dies, verbose=0)
    again = random_search(tmp_path, population=4)
    assert again.oracle.unfinished == 4
    waves.clear()
    again.search(x=(), verbose=0)
    ids = [[run.trial_id for run in wave] for wave in waves]
    assert ids == [["04", "05", "06", "07"], ["08", "09"]]


@pytest.mark.parametrize("gap", ["asked", "ended", "gate"])
def test_gaps_between_two_writes(waves, tmp_path, gap):
    """A kill between any two writes: what is on the disk then."""
    tuner = random_search(tmp_path, population=4)
    tuner.search(x=(), verbose=0)
    project = tmp_path / "untitled_project"
    oracle = json.loads((project / "oracle.json").read_text())
    path = project / "trial_09" / "trial.json"
    if gap == "asked":  # a trial has a file, and the oracle does not say so
        trial = json.loads(path.read_text())
        trial["status"], trial["score"] = "RUNNING", None
        path.write_text(json.dumps(trial))
        oracle["end_order"].remove("09")
        oracle["start_order"].remove("09")
    if gap == "ended":  # a trial has ended, and the oracle thinks it runs
        oracle["end_order"].remove("09")
        oracle["ongoing_trials"] = {"tuner0.1": "09"}
    if gap == "gate":
        (project / "tuner0.json").unlink()
    (project / "oracle.json").write_text(json.dumps(oracle))
    waves.clear()
    again = random_search(tmp_path, population=4)
    again.search(x=(), verbose=0)
    rerun = [run.trial_id for run in itertools.chain(*waves)]
    assert rerun == (["09"] if gap == "asked" else [])
    assert {t.status for t in again.oracle.trials.values()} == {"COMPLETED"}
    assert sorted(again.oracle.end_order) == sorted(again.oracle.trials)


def test_a_damaged_file_is_named(waves, tmp_path):
    random_search(tmp_path).search(x=(), verbose=0)
    (tmp_path / "untitled_project" / "trial_03" / "trial.json").write_text("")
    with pytest.raises(RuntimeError, match=r"trial_03.trial.json is damaged"):
        random_search(tmp_path)


def test_stock_keras_tuner_opens_the_project(waves, tmp_path):
    tuner = random_search(tmp_path)
    tuner.search(x=(), verbose=0)
    stock = keras_tuner.RandomSearch(
        build, "val_loss", max_trials=10, directory=tmp_path
    )
    assert isinstance(tuner, keras_tuner.RandomSearch)
    assert [t.score for t in stock.oracle.get_best_trials(10)] == [
        t.score for t in tuner.oracle.get_best_trials(10)
    ]
    best = stock.get_best_hyperparameters()[0].values
    assert best == tuner.get_best_hyperparameters()[0].values


def test_results_survive_and_can_be_sorted(waves, tmp_path, capsys):
    tuner = random_search(tmp_path, executions_per_trial=2)
    tuner.search(lambda run: run.hyperparameters.get("a") + run.execution)
    results = random_search(tmp_path, executions_per_trial=2).results
    assert results == tuner.results
    assert all(isinstance(result, TrialResult) for result in results)
    for result in results:
        a = result.hyperparameters["a"]
        assert result.objective == pytest.approx(a + 0.5)
        assert result.spread == pytest.approx(math.sqrt(0.5))
        assert result.scores == pytest.approx((a, a + 1))
    printed = capsys.readouterr().out
    assert "10 of 10 trials done, 0 running; best loss" in printed
    tuner.results_summary(num_trials=3)
    printed = capsys.readouterr().out
    assert printed.count("Spread: 0.7071 over 2 runs") == 3
    least = min(result.objective for result in results)
    assert printed.index(f"Score: {least}") < printed.index("Spread")
    with pytest.raises(ValueError, match="argument `by`. Expected one of"):
        tuner.results_summary(by="luck")


def test_quiet(waves, tmp_path, capsys):
    random_search(tmp_path).search(x=(), verbose=0)
    assert capsys.readouterr().out == ""


def test_few_writes(waves, tmp_path, monkeypatch):
    """`oracle.json` grows: once when a wave is asked for, once at its end."""
    tuner = random_search(tmp_path, population=5)
    written = []
    write = kreg.tuners._files.write_json
    monkeypatch.setattr(
        kreg.tuners._files,
        "write_json",
        lambda path, value: (
            written.append(path.rsplit("/", 1)[1]),
            write(path, value),
        ),
    )
    tuner.search(x=(), verbose=0)
    counts = {name: written.count(name) for name in set(written)}
    # At the start, before and after each of two waves, the question at the end.
    assert counts["oracle.json"] <= 6
    assert counts["trial.json"] == 20
    assert counts["tuner0.json"] == 1


class Layers(keras_tuner.HyperModel):
    """As in KerasTuner's guide: the values of some declare others."""

    def build(self, hp):
        model = keras.Sequential()
        for index in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{index}", 32, 512)
        if hp.Choice("optimizer", ["adam", "sgd"]) == "sgd":
            hp.Float("momentum", 0.0, 1.0)
        model.compile("sgd", "mse")
        return model


class Scored(Layers):
    def fit(self, hp, model, *args, **kwargs):
        return 0.5


@pytest.mark.parametrize("name", ["RandomSearch", "BayesianOptimization"])
def test_what_a_trial_declares_the_next_has_values_for(name, waves, tmp_path):
    """In one wave, as in KerasTuner where trials follow one another."""
    found = []
    for module, model, kwargs in (
        (keras_tuner, Scored(), {}),
        (kreg.tuners, Layers(), {"population": 9}),
    ):
        tuner = getattr(module, name)(
            model,
            "loss",
            max_trials=9,
            seed=1,
            directory=tmp_path / module.__name__,
            **kwargs,
        )
        tuner.search(x=lambda run: 0.5, verbose=0)
        trials = tuner.oracle.trials.items()
        found.append({i: t.hyperparameters.values for i, t in trials})
    assert [len(wave) for wave in waves] == [9]
    assert found[0] == found[1]
    assert len({values.get("momentum") for values in found[0].values()}) > 4


def test_a_grid_has_no_point_for_what_a_model_does_not_use(waves, tmp_path):
    class Deep(keras_tuner.HyperModel):
        def build(self, hp):
            for index in range(hp.Int("layers", 1, 3)):
                hp.Choice(f"units_{index}", [8, 16])
            model = keras.Sequential()
            model.compile("sgd", "mse")
            return model

    class Scored(Deep):
        def fit(self, hp, model, *args, **kwargs):
            return 0.5

    stock = keras_tuner.GridSearch(Scored(), "loss", directory=tmp_path / "a")
    stock.search(verbose=0)
    tuner = kreg.tuners.GridSearch(Deep(), "loss", directory=tmp_path / "b")
    tuner.search(x=lambda run: 0.5, verbose=0)
    found, expected = (
        [trial.hyperparameters.values for trial in t.oracle.trials.values()]
        for t in (tuner, stock)
    )
    assert found == expected
    assert len(found) == 2 + 4 + 8

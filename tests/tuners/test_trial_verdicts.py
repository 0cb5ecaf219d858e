"""Stock tuners search the space, and each trial's verdict is found."""

import keras
import keras_tuner
import numpy as np
import pytest

import kreg
from kreg.callbacks import OverfitMonitor
from kreg.tuners import RegularizationSpace, verdicts

EPOCHS = 2

# KerasTuner's own: its Gaussian process on three points, Hyperband's new
# optimizer that does not fit the checkpoint, and the best of nothing but NaN.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading:UserWarning"),
    pytest.mark.filterwarnings("ignore:All-NaN axis:RuntimeWarning"),
]


def build_model(hp):
    space = RegularizationSpace(hp)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                8, "relu", kernel_regularizer=space.l2("hidden")
            ),
            space.dropout("hidden", schedule=kreg.schedules.Ramp(4)),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Two short epochs take less time than to trace them.
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=True)
    return model


def monitor_of(data):
    return OverfitMonitor(train_data=(data["x"], data["y"]))


def search(tuner, data, monitor, epochs=EPOCHS):
    tuner.search(**data, callbacks=[monitor], epochs=epochs, verbose=0)
    return tuner


def random_search(build, objective, directory, trials=3, **kwargs):
    return keras_tuner.RandomSearch(
        build,
        objective,
        max_trials=trials,
        seed=1,
        directory=directory,
        **kwargs,
    )


def best_of(run, objective="val_data_loss"):
    return min(run.history[objective])


TUNERS = {
    "random": (keras_tuner.RandomSearch, {"max_trials": 3}),
    "bayes": (
        keras_tuner.BayesianOptimization,
        {"max_trials": 4, "num_initial_points": 2},
    ),
    "hyperband": (keras_tuner.Hyperband, {"max_epochs": 2, "factor": 2}),
}


@pytest.mark.parametrize("name", TUNERS)
def test_stock_tuners(name, data, objective, tmp_path):
    tuner_class, arguments = TUNERS[name]
    tuner = tuner_class(
        build_model, objective, seed=1, directory=tmp_path, **arguments
    )
    monitor = monitor_of(data)
    search(tuner, data, monitor)
    trials = tuner.oracle.trials
    assert {t.status for t in trials.values()} == {"COMPLETED"}
    found = verdicts(tuner, monitor)
    assert list(found) == tuner.oracle.start_order
    # One execution each and no failure: the runs stand in the trials' order.
    assert [best_of(run) for run in monitor.runs] == [
        trials[trial_id].score for trial_id in found
    ]
    assert [v for (v,) in found.values()] == [r.verdict for r in monitor.runs]
    best = tuner.get_best_hyperparameters()[0]
    lambda_, rate = kreg.strengths(tuner.hypermodel.build(best)).values()
    assert lambda_.value == pytest.approx(best.values.get("hidden/l2", 0.0))
    assert rate.value == pytest.approx(best.values["hidden/rate"])


def test_the_objective_is_free_of_the_penalty(data, objective, tmp_path):
    monitor = monitor_of(data)
    tuner = search(
        random_search(build_model, objective, tmp_path), data, monitor
    )
    for trial, run in zip(
        tuner.oracle.trials.values(), monitor.runs, strict=True
    ):
        epoch = run.history["val_data_loss"].index(trial.score)
        with_penalty = run.history["val_loss"][epoch]
        penalty = run.history["penalty"][epoch]
        assert trial.score == pytest.approx(with_penalty - penalty, rel=1e-5)


def test_failed_trials_do_not_shift_the_verdicts(data, objective, tmp_path):
    builds = []

    def build(hp):
        builds.append(hp)
        if len(builds) in (2, 4):  # the first is the tuner's own, of no trial
            raise RuntimeError("no such network")
        return build_model(hp)

    monitor = monitor_of(data)
    tuner = random_search(build, objective, tmp_path, trials=4)
    search(tuner, data, monitor)
    found = verdicts(tuner, monitor)
    statuses = [t.status for t in tuner.oracle.trials.values()]
    assert statuses == ["FAILED", "COMPLETED", "FAILED", "COMPLETED"]
    assert [len(v) for v in found.values()] == [0, 1, 0, 1]
    assert len(monitor.runs) == 4
    trained = [run for run in monitor.runs if run.history["epoch"]]
    assert [t.score for t in tuner.oracle.trials.values() if t.score] == [
        best_of(run) for run in trained
    ]
    assert [v for vs in found.values() for v in vs] == [
        run.verdict for run in trained
    ]


class FailAtSecondEpoch(keras.callbacks.Callback):
    """Raises in the runs whose numbers are given, shared by all copies."""

    def __init__(self, failing, runs):
        super().__init__()
        self.failing = failing
        self.runs = runs

    def __deepcopy__(self, memo):
        self.runs.append(None)
        copied = FailAtSecondEpoch(self.failing, self.runs)
        copied.number = len(self.runs) - 1
        return copied

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and self.number in self.failing:
            raise RuntimeError("out of memory")


@pytest.mark.parametrize("executions", [1, 2])
def test_retried_trials_have_the_verdict_of_the_retry(
    executions, data, objective, tmp_path
):
    monitor = monitor_of(data)
    tuner = random_search(
        build_model,
        objective,
        tmp_path,
        trials=2,
        max_retries_per_trial=1,
        executions_per_trial=executions,
    )
    failing = FailAtSecondEpoch({executions - 1}, [])
    tuner.search(**data, callbacks=[monitor, failing], epochs=EPOCHS, verbose=0)
    found = verdicts(tuner, monitor)
    assert len(monitor.runs) == 3 * executions
    done = monitor.runs[executions:]
    expected = [run.verdict for run in done]
    assert [v for vs in found.values() for v in vs] == expected
    assert [len(v) for v in found.values()] == [executions] * 2


def test_several_executions(data, objective, tmp_path):
    monitor = monitor_of(data)
    tuner = random_search(
        build_model, objective, tmp_path, trials=2, executions_per_trial=2
    )
    search(tuner, data, monitor)
    found = verdicts(tuner, monitor)
    runs = iter(monitor.runs)
    for trial_id, judged in found.items():
        mine = [next(runs) for _ in judged]
        assert len(judged) == 2
        score = tuner.oracle.get_trial(trial_id).score
        assert score == pytest.approx(sum(map(best_of, mine)) / 2, rel=1e-12)


def test_an_objective_that_the_monitor_does_not_record(data, tmp_path):
    monitor = monitor_of(data)
    one = search(
        random_search(build_model, "val_accuracy", tmp_path / "1", 1),
        data,
        monitor,
    )
    assert all(len(v) == 1 for v in verdicts(one, monitor).values())
    monitor = monitor_of(data)
    two = random_search(
        build_model, "val_accuracy", tmp_path / "2", 1, executions_per_trial=2
    )
    search(two, data, monitor)
    with pytest.raises(ValueError, match="Received: 'val_accuracy'"):
        verdicts(two, monitor)


def test_a_trial_without_a_score_has_its_verdict(data, objective, tmp_path):
    data["x"] = data["x"] * np.nan
    monitor = monitor_of(data)
    tuner = random_search(build_model, objective, tmp_path, trials=1)
    search(tuner, data, monitor)
    (trial,) = tuner.oracle.trials.values()
    assert trial.status == "FAILED"
    assert list(verdicts(tuner, monitor).values()) == [
        (monitor.runs[0].verdict,)
    ]


def test_resumed_search(data, objective, tmp_path):
    first = random_search(build_model, objective, tmp_path, trials=1)
    search(first, data, monitor_of(data))
    monitor = monitor_of(data)
    second = random_search(build_model, objective, tmp_path, trials=2)
    search(second, data, monitor)
    assert [len(v) for v in verdicts(second, monitor).values()] == [0, 1]


def test_a_monitor_of_no_search_is_refused(data, objective, tmp_path):
    tuner = random_search(build_model, objective, tmp_path)
    with pytest.raises(ValueError, match="among the callbacks of `search`"):
        verdicts(tuner, monitor_of(data))
    with pytest.raises(TypeError, match="kreg.callbacks.OverfitMonitor"):
        verdicts(tuner, None)

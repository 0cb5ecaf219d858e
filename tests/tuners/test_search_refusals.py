"""What is refused before the first trial, in one sentence."""

import json

import keras
import keras_tuner
import numpy as np
import pytest

import kreg.tuners
from kreg.tuners import RandomSearch

X, Y = np.zeros((12, 2), "float32"), np.zeros((12, 1), "float32")


def build(hp):
    model = keras.Sequential(
        [keras.layers.Dropout(hp.Float("a", 0.0, 0.5)), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def refused(tuner, sentence, *args, **kwargs):
    with pytest.raises(ValueError, match=sentence):
        tuner.search(*args, verbose=0, **kwargs)
    assert not tuner.oracle.trials


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"population": 0}, "`population`. Expected 'auto' or an integer >= 1"),
        ({"population": 2.5}, "`population`. Expected 'auto'"),
        ({"population": True}, "`population`. Expected 'auto'"),
        ({"population": "all"}, "`population`. Expected 'auto'"),
        ({"folds": 1}, "`folds`. Expected None or an integer >= 2"),
        ({"folds": 2.0}, "`folds`. Expected None or an integer >= 2"),
        ({"select": "worst"}, "`select`. Expected one of"),
        (
            {"select": "one_standard_error"},
            "`select`. Expected 'best', unless there are `folds` or",
        ),
    ],
)
def test_arguments(arguments, sentence, tmp_path):
    with pytest.raises(
        ValueError, match=f"Invalid value for argument {sentence}"
    ):
        RandomSearch(build, directory=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("RandomSearch", {"max_trials": 0}, "`max_trials`. Expected a posit"),
        ("GridSearch", {"max_trials": "a"}, "`max_trials`. Expected a posit"),
        ("RandomSearch", {"executions_per_trial": 0}, "`executions_per_trial`"),
        ("RandomSearch", {"max_retries_per_trial": -1}, "`max_retries_per_tri"),
        (
            "RandomSearch",
            {"max_consecutive_failed_trials": 0},
            "`max_consecutive_failed_trials`. Expected a positive integer",
        ),
        ("RandomSearch", {"seed": 1.5}, "`seed`. Expected a non-negative int"),
        ("Hyperband", {"max_epochs": 0}, "`max_epochs`. Expected a positive"),
        ("Hyperband", {"factor": 1}, "`factor`. Expected an integer >= 2"),
        ("Hyperband", {"hyperband_iterations": 0}, "`hyperband_iterations`"),
        ("BayesianOptimization", {"num_initial_points": 0}, "`num_initial_poi"),
        ("BayesianOptimization", {"alpha": -1.0}, "`alpha`. Expected a finite"),
        ("BayesianOptimization", {"beta": "a"}, "`beta`. Expected a finite"),
    ],
)
def test_numbers(name, arguments, sentence, tmp_path):
    tuner = getattr(kreg.tuners, name)
    with pytest.raises(
        ValueError, match=f"Invalid value for argument {sentence}"
    ):
        tuner(build, directory=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 0},
        {"epochs": "3"},
        {"batch_size": 0},
        {"validation_split": 2.0},
        {"initial_epoch": -1},
        {"validation_freq": 0},
    ],
)
def test_arguments_of_search(arguments, tmp_path):
    tuner = RandomSearch(build, directory=tmp_path)
    (name,) = arguments
    sentence = f"Invalid value for argument `{name}`. Expected a"
    refused(tuner, sentence, X, Y, **{"validation_split": 0.5, **arguments})


def test_arguments_that_fit_does_not_take(tmp_path):
    tuner = RandomSearch(build, directory=tmp_path)
    with pytest.raises(TypeError, match="unexpected argument 'epoch'"):
        tuner.search(X, Y, validation_split=0.5, epoch=3)
    refused(tuner, "`callbacks`. Expected callbacks", X, Y, callbacks=["stop"])
    refused(tuner, "with equally many rows", X, Y[:3], validation_split=0.5)
    refused(tuner, "`x`. Expected arrays, or a dataset. Received: x=None")


def test_a_model_that_is_not_compiled(tmp_path):
    def forgets(hp):
        return keras.Sequential([keras.layers.Dropout(hp.Float("a", 0.0, 0.5))])

    tuner = RandomSearch(forgets, directory=tmp_path)
    refused(tuner, "`hypermodel`. Expected .* a compiled model", X, Y)


def test_hyperparameters_of_another_kind(tmp_path):
    with pytest.raises(ValueError, match="`hyperparameters`. Expected keras_"):
        RandomSearch(build, directory=tmp_path, hyperparameters=3)


def test_objective_that_no_log_has(tmp_path):
    tuner = RandomSearch(
        build, keras_tuner.Objective("val_auc", "max"), directory=tmp_path
    )
    refused(
        tuner,
        r"`objective`. Expected one of .*'loss', 'mae'.*'val_data_loss', "
        "'val_loss', 'val_mae'.*Received: objective='val_auc'",
        X,
        Y,
        validation_split=0.5,
    )


def test_objective_without_validation(tmp_path):
    tuner = RandomSearch(build, directory=tmp_path)
    refused(
        tuner,
        r"Expected one of .*\['loss', 'mae'\].*Received: "
        "objective='val_data_loss'. Pass `validation_data`",
        X,
        Y,
    )


def test_nothing_to_tune(tmp_path):
    def build_fixed(hp):
        hp.Fixed("units", 3)
        hp.Choice("one", [1])
        return build(keras_tuner.HyperParameters())

    tuner = RandomSearch(build_fixed, directory=tmp_path)
    sentence = r"nothing to tune, it declares \['units', 'one'\]"
    refused(tuner, sentence, X, Y, validation_split=0.5)


@pytest.mark.parametrize("name", ["RandomSearch", "GridSearch"])
def test_more_trials_than_points(name, waves, tmp_path):
    def build_small(hp):
        hp.Choice("a", [1, 2, 3])
        hp.Int("b", 0, 1)
        return build(keras_tuner.HyperParameters())

    tuner = getattr(kreg.tuners, name)(
        build_small, "loss", max_trials=20, directory=tmp_path
    )
    with pytest.warns(UserWarning, match="`max_trials=20` is more than the 6"):
        tuner.search(x=(), verbose=0)
    assert len(tuner.results) == 6


def test_folds_over_a_generator(tmp_path):
    tuner = RandomSearch(build, folds=2, directory=tmp_path)
    refused(
        tuner,
        "`x`. Expected arrays with equally many rows, for `folds=2`",
        ((X, Y) for _ in range(2)),
    )
    refused(tuner, "`x`. Expected arrays", X, Y[:5])
    refused(
        tuner, "`validation_split`. Expected none", X, Y, validation_split=0.5
    )
    tuner = RandomSearch(build, folds=13, directory=tmp_path)
    refused(tuner, "`folds`. Expected at most one fold a sample", X, Y)


def test_project_of_keras_tuner_itself(tmp_path):
    stock = keras_tuner.RandomSearch(build, "loss", directory=tmp_path)
    stock.oracle.save()
    with pytest.raises(ValueError, match="was written by KerasTuner itself"):
        RandomSearch(build, directory=tmp_path)
    RandomSearch(build, directory=tmp_path, overwrite=True)


@pytest.fixture
def project(waves, tmp_path):
    RandomSearch(build, "loss", max_trials=2, directory=tmp_path).search(
        x=(), verbose=0
    )
    return tmp_path / "untitled_project"


def test_project_of_another_space(project):
    def build_other(hp):
        hp.Int("b", 1, 3)
        return build(hp)

    with pytest.raises(ValueError, match=r"another space: \['b'\] have been"):
        RandomSearch(build_other, "loss", directory=project.parent)


def test_project_of_another_tuner_or_objective(project):
    with pytest.raises(ValueError, match="by RandomSearch, not by Grid"):
        kreg.tuners.GridSearch(build, "loss", directory=project.parent)
    with pytest.raises(ValueError, match=r"searched with .*loss.*not .*val_d"):
        RandomSearch(build, directory=project.parent)


def test_project_of_another_kreg(project):
    path = project / "kreg.json"
    written = {**json.loads(path.read_text()), "format": 99, "kreg": "9.0"}
    path.write_text(json.dumps(written))
    with pytest.raises(ValueError, match=r"was written by kreg 9\.0, whose"):
        RandomSearch(build, "loss", directory=project.parent)


def test_overwriting_begins_anew(project):
    tuner = RandomSearch(
        build, "loss", max_trials=3, directory=project.parent, overwrite=True
    )
    assert not tuner.results
    tuner.search(x=(), verbose=0)
    assert len(tuner.results) == 3


def test_a_typing_error_overwrites_nothing(project):
    for wrong in ({"max_trails": 3}, {"population": 0}, {"max_trials": 0}):
        arguments = {"directory": project.parent, "overwrite": True, **wrong}
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RandomSearch(build, "loss", **arguments)
    assert len(RandomSearch(build, "loss", directory=project.parent).results)


def test_an_overwriting_that_was_killed(project):
    (project / "oracle.json").unlink()  # which is what goes first
    tuner = RandomSearch(build, "loss", max_trials=3, directory=project.parent)
    assert not list(project.glob("trial_*"))
    tuner.search(x=(), verbose=0)
    assert len(tuner.results) == 3


def test_no_hypermodel(tmp_path):
    with pytest.raises(ValueError, match="`hypermodel`. Expected one, unless"):
        RandomSearch(directory=tmp_path)
    assert not list(tmp_path.iterdir())

"""How many trials of a search go together."""

import keras
import keras_tuner
import pytest

import kreg
from kreg.tuners import _waves


@pytest.mark.parametrize(
    ("trials", "most", "size"),
    [(32, 64, 32), (64, 64, 64), (65, 64, 33), (130, 64, 44), (5, 1, 1)],
)
def test_waves_are_few_and_even(trials, most, size):
    assert _waves.even(trials, most) == size


def test_waves_are_full_where_the_number_of_trials_is_not_known():
    assert _waves.even(None, 64) == 64


def test_oracles_that_learn_are_asked_for_less(tmp_path):
    def at_once(cls, **kwargs):
        tuner = cls(lambda hp: None, "val_loss", directory=tmp_path, **kwargs)
        return _waves.most_at_once(tuner.oracle)

    independent = at_once(kreg.tuners.RandomSearch)
    assert at_once(kreg.tuners.GridSearch) == independent
    assert at_once(kreg.tuners.BayesianOptimization) < independent
    assert at_once(kreg.tuners.Hyperband) < independent
    assert _waves.most_at_once(keras_tuner.oracles.RandomSearchOracle()) == (
        independent
    )


@pytest.mark.parametrize(
    ("population", "sizes"), [("auto", [3, 3, 3]), (4, [4, 4, 1])]
)
def test_what_the_user_wants_is_not_evened_out(
    population, sizes, waves, tmp_path
):
    """The trainer of the fixture takes four at once."""
    tuner = kreg.tuners.RandomSearch(
        build, "loss", max_trials=9, population=population, directory=tmp_path
    )
    tuner.search(x=(), epochs=1)
    assert [len(wave) for wave in waves] == sizes


def build(hp):
    factor = hp.Float("a", 1e-4, 1e-2)
    penalty = keras.regularizers.L2(factor)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, kernel_regularizer=penalty),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


def test_models_are_built_as_if_each_were_the_first(waves, tmp_path):
    names, policies = [], []

    def watched(hp):
        model = build(hp)
        names.append([layer.name for layer in model.layers])
        policies.append(model.layers[0].dtype_policy.name)
        return model

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outside = keras.layers.Dense(1).name
        tuner = kreg.tuners.RandomSearch(
            watched, "loss", max_trials=3, directory=tmp_path
        )
        names.clear()  # KerasTuner itself has built one, for the space
        tuner.search(x=(), epochs=1)
        for run in waves[0]:
            run.model  # noqa: B018
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert keras.layers.Dense(1).name not in (outside, "dense")
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(names) == 4  # one to look at before the first trial
    assert all(own == ["dense", "dense_1"] for own in names)
    assert set(policies) == {"mixed_bfloat16"}


def test_errors_of_a_build_are_raised(tmp_path):
    def wrong(hp):
        build(hp)
        raise ZeroDivisionError("in the build function")

    with pytest.raises(ZeroDivisionError, match="in the build function"):
        kreg.tuners.RandomSearch(
            wrong, "loss", max_trials=3, directory=tmp_path
        )

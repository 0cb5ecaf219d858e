"""What a space declares, builds and refuses."""

import keras
import keras_tuner
import numpy as np
import pytest
from keras import ops

import kreg
from kreg.tuners import RegularizationSpace


def penalty_of(hp, kind="l2"):
    return getattr(RegularizationSpace(hp), kind)("hidden")


def with_values(**values):
    """An `hp` in which `hidden/...` was declared and has these values."""
    hp = keras_tuner.HyperParameters()
    space = RegularizationSpace(hp)
    space.l1l2("hidden")
    space.dropout("hidden")
    hp.values = {f"hidden/{name}": value for name, value in values.items()}
    return hp


def test_declares_a_choice_and_a_log_uniform_lambda():
    hp = keras_tuner.HyperParameters()
    RegularizationSpace(hp, strength=(1e-4, 1e-2)).l2("hidden")
    choice, strength = hp.space
    assert choice.name == "hidden/l2_penalty"
    assert set(choice.values) == {"on", "none"}
    assert strength.name == "hidden/l2"
    assert (strength.min_value, strength.max_value) == (1e-4, 1e-2)
    assert strength.sampling == "log"
    assert len(strength.conditions) == 1


def test_declares_a_linear_rate():
    hp = keras_tuner.HyperParameters()
    RegularizationSpace(hp, rate=(0.1, 0.5)).dropout("hidden")
    (rate,) = hp.space
    assert (rate.name, rate.sampling) == ("hidden/rate", "linear")
    assert (rate.min_value, rate.max_value) == (0.1, 0.5)


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_penalty_has_the_value_of_the_trial(kind):
    hp = with_values(**{f"{kind}_penalty": "on", kind: 0.003})
    penalty = penalty_of(hp, kind)
    assert isinstance(penalty, getattr(kreg.regularizers, kind.upper()))
    assert getattr(penalty, kind).value == 0.003


def test_l1l2_has_both_values_or_one_alone():
    hp = with_values(l1_penalty="none", l2_penalty="on", l2=0.5)
    penalty = penalty_of(hp, "l1l2")
    assert (penalty.l1.value, penalty.l2.value) == (0.0, 0.5)


def test_none_is_a_penalty_of_strength_zero():
    penalty = penalty_of(with_values(l2_penalty="none"))
    assert penalty.l2.value == 0.0
    value = penalty(np.ones((2, 2), "float32"))
    assert float(ops.convert_to_numpy(value)) == 0.0


def test_paths_are_the_same_with_and_without_a_penalty():
    def paths(hp):
        keras.utils.clear_session(free_memory=False)
        model = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dense(
                    2, kernel_regularizer=penalty_of(hp), name="d"
                ),
                RegularizationSpace(hp).dropout("hidden"),
            ]
        )
        return list(kreg.strengths(model))

    on = paths(with_values(l2_penalty="on", l2=0.1, rate=0.2))
    none = paths(with_values(l2_penalty="none", rate=0.0))
    assert on == none
    assert on == ["d/kernel_regularizer/l2", "scheduled_dropout/rate"]


def test_dropout_has_the_rate_and_the_other_arguments():
    layer = RegularizationSpace(with_values(rate=0.25)).dropout(
        "hidden", schedule=kreg.schedules.Ramp(10), seed=3, name="drop"
    )
    assert isinstance(layer, kreg.layers.ScheduledDropout)
    assert layer.rate.value == 0.25
    assert isinstance(layer.schedule, kreg.schedules.Ramp)
    assert (layer.seed, layer.name) == (3, "drop")


def test_the_same_name_is_the_same_hyperparameter():
    hp = keras_tuner.HyperParameters()
    space = RegularizationSpace(hp)
    first, second = space.l2("hidden"), space.l2("hidden")
    assert first is not second
    assert first.l2.value == second.l2.value
    assert len(hp.space) == 2
    space.l1l2("hidden")  # brings l1 alone
    assert len(hp.space) == 4


@pytest.mark.parametrize("populated", [False, True])
def test_the_same_name_with_another_range_is_refused(populated):
    hp = keras_tuner.HyperParameters()
    RegularizationSpace(hp).l2("hidden")
    RegularizationSpace(hp).dropout("hidden")
    if populated:  # as in a trial: the space is there before the build
        values = {"hidden/l2_penalty": "none", "hidden/rate": 0.1}
        hp = hp.copy()
        hp.values = dict(values)
    with pytest.raises(
        ValueError,
        match=r"Invalid value for argument `strength`\. Expected "
        r"\(1e-06, 0\.1\), the range under which 'hidden/l2' was declared "
        r"before\. Received: strength=\(1e-05, 0\.01\)",
    ):
        RegularizationSpace(hp).l2("hidden", strength=(1e-5, 1e-2))
    with pytest.raises(ValueError, match="`rate`.*'hidden/rate'"):
        RegularizationSpace(hp).dropout("hidden", rate=(0.0, 0.5))
    if populated:
        assert hp.values == values


def test_name_scopes_keep_ranges_apart():
    hp = keras_tuner.HyperParameters()
    for _ in range(2):  # the second time everything is declared already
        RegularizationSpace(hp).l2("hidden")
        with hp.name_scope("block"):
            narrow = RegularizationSpace(hp, strength=(1e-4, 1e-3))
            narrow.l2("hidden")
            with pytest.raises(ValueError, match="'block/hidden/l2'"):
                RegularizationSpace(hp).l2("hidden")
    assert [p.name for p in hp.space if p.name.endswith("l2")] == [
        "hidden/l2",
        "block/hidden/l2",
    ]


def test_inside_an_inactive_scope_there_is_no_penalty():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["cnn"]):
        space = RegularizationSpace(hp)
        assert space.l2("hidden").l2.value == 0.0
        assert space.dropout("hidden").rate.value == 0.0


BAD_STRENGTHS = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.1), (-1.0, 1.0)]
BAD_STRENGTHS += [(1e-3, float("inf")), (1e-3,), 0.1, "ab", (True, 2.0), None]
BAD_RATES = [(-0.1, 0.5), (0.5, 0.5), (0.5, 0.1), (0.0, 1.1), 0.5]


@pytest.mark.parametrize("strength", BAD_STRENGTHS)
def test_bad_strength_range(strength):
    with pytest.raises(
        ValueError,
        match="Invalid value for argument `strength`. Expected a pair "
        r"\(low, high\) of finite floats with 0 < low < high. Received: "
        "strength=",
    ):
        RegularizationSpace(keras_tuner.HyperParameters(), strength=strength)


@pytest.mark.parametrize("rate", BAD_RATES)
def test_bad_rate_range(rate):
    expected = (
        "Invalid value for argument `rate`. Expected a pair "
        r"\(low, high\) of floats with 0 <= low < high <= 1. Received: rate="
    )
    hp = keras_tuner.HyperParameters()
    with pytest.raises(ValueError, match=expected):
        RegularizationSpace(hp, rate=rate)
    with pytest.raises(ValueError, match=expected):
        RegularizationSpace(hp).dropout("hidden", rate=rate)
    assert hp.space == []


@pytest.mark.parametrize("name", ["", None, 3])
def test_bad_name(name):
    space = RegularizationSpace(keras_tuner.HyperParameters())
    with pytest.raises(ValueError, match="argument `name`. Expected a name"):
        space.l2(name)


def test_hp_must_be_of_keras_tuner():
    with pytest.raises(TypeError, match="argument `hp`. Expected a keras_"):
        RegularizationSpace({"l2": 1.0})

"""Values of the schedules against NumPy and against Keras's own."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

S = kreg.schedules
Keras = keras.optimizers.schedules
STEPS = np.array([-1, 0, 5, 6, 15, 24, 25, 26, 10**7])  # begin 5, end 25


def p(steps):
    return np.clip((np.maximum(steps, 0) - 5) / 20, 0, 1)


TABLE = [
    (S.Constant(0.3), lambda t: np.full(t.shape, 0.3)),
    (S.Ramp(20, 5), p),
    (S.Anneal(20, 5), lambda t: 1 - p(t)),
    (S.Cosine(20, 5), lambda t: (1 + np.cos(np.pi * p(t))) / 2),
    (
        S.Cosine(20, 5, start=0.2, end=0.9),
        lambda t: 0.9 - 0.7 * (1 + np.cos(np.pi * p(t))) / 2,
    ),
    (S.Polynomial(20, 3.0, 5), lambda t: (1 - p(t)) ** 3),
    (
        S.Polynomial(20, 0.5, 5, start=0.1, end=0.6),
        lambda t: 0.6 - 0.5 * (1 - p(t)) ** 0.5,
    ),
    (
        S.Exponential(0.1, 5),
        lambda t: 1 - np.exp(-0.1 * np.maximum(t - 5.0, 0)),
    ),
    (S.Early(25), lambda t: (t < 25) * 1.0),
    (S.Early(5, 20), lambda t: 1 - p(t)),
    (S.Late(25), lambda t: (t >= 25) * 1.0),
    (S.Late(5, 20), p),
    (
        S.Piecewise([5, 25], [0.1, 0.7, 0.4]),
        lambda t: np.where(t <= 5, 0.1, np.where(t <= 25, 0.7, 0.4)),
    ),
]


def name(value):
    return repr(value) if isinstance(value, S.Profile) else ""


@pytest.mark.parametrize(("schedule", "formula"), TABLE, ids=name)
def test_values_are_those_of_the_formula(schedule, formula):
    one_by_one = [float(schedule(int(step))) for step in STEPS]
    at_once = ops.convert_to_numpy(schedule(ops.convert_to_tensor(STEPS)))
    np.testing.assert_allclose(one_by_one, formula(STEPS), atol=2e-7)
    np.testing.assert_allclose(at_once, one_by_one, atol=2e-7)


@pytest.mark.parametrize(("schedule", "formula"), TABLE, ids=name)
def test_steps_per_epoch_turns_steps_into_epochs(schedule, formula):
    if isinstance(schedule, S.Constant):
        assert "steps_per_epoch" not in schedule.get_config()
        return
    config = {**schedule.get_config(), "steps_per_epoch": 8}
    in_epochs = type(schedule).from_config(config)
    for step in STEPS[:-1]:
        value = float(in_epochs(int(8 * step)))
        assert value == pytest.approx(float(schedule(int(step))), abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (S.Cosine(25), Keras.CosineDecay(1.0, 25)),
        (S.Cosine(25, end=0.1), Keras.CosineDecay(1.0, 25, alpha=0.1)),
        (S.Polynomial(25, 2.0), Keras.PolynomialDecay(1.0, 25, 0.0, 2.0)),
        (S.Anneal(25), Keras.PolynomialDecay(1.0, 25, 0.0)),
        (
            S.Piecewise([5, 25], [0.1, 0.7, 0.4]),
            Keras.PiecewiseConstantDecay([5, 25], [0.1, 0.7, 0.4]),
        ),
    ],
    ids=["cosine", "cosine to a level", "power", "linear", "piecewise"],
)
def test_equal_to_the_schedules_of_keras(ours, theirs):
    for step in STEPS[1:]:
        expected = float(ops.convert_to_numpy(theirs(int(step))))
        assert float(ours(int(step))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        Keras.CosineDecay(1.0, 50),
        Keras.CosineDecay(0.0, 50, warmup_target=1.0, warmup_steps=10),
        Keras.CosineDecayRestarts(1.0, 30),
        Keras.ExponentialDecay(1.0, 10, 0.5),
        Keras.InverseTimeDecay(0.5, 10, 0.5),
        Keras.PiecewiseConstantDecay([3], [1.0, 0.0]),
    ],
    ids=lambda s: type(s).__name__,
)
def test_schedules_of_keras_are_accepted_saved_and_followed(schedule, tmp_path):
    layer = kreg.layers.ScheduledDropout(0.5, schedule, name="drop")
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((24, 4), "float32")
    model.fit(x, x[:, :1], batch_size=2, verbose=0)
    expected = 0.5 * float(ops.convert_to_numpy(schedule(12)))
    assert float(layer.rate.effective) == pytest.approx(expected, abs=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = kreg.strengths(loaded)["drop/rate"]
    assert float(again.effective) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "step"),
    [
        (Keras.ExponentialDecay(2.0, 10, 0.5), 0),
        (Keras.ExponentialDecay(1.0, 10, 1.01), 1),
        (Keras.PiecewiseConstantDecay([977], [1.0, 1.5]), 978),
        (Keras.PiecewiseConstantDecay([977], [1.0, -0.1]), 978),
        (Keras.CosineDecay(0.0, 50, warmup_target=2.0, warmup_steps=100), 69),
    ],
)
def test_a_schedule_that_leaves_the_range_is_refused_with_the_step(
    schedule, step
):
    with pytest.raises(ValueError, match=r"with values in \[0, 1\]") as raised:
        kreg.layers.ScheduledDropout(0.5, schedule)
    reported = int(str(raised.value).split("Its value at step ")[1].split()[0])
    value = float(ops.convert_to_numpy(schedule(reported)))
    assert not 0 <= value <= 1
    assert reported <= step or step == 69


@pytest.mark.parametrize("wrong", [0.5, "Ramp", lambda step: 1.0, (None, 1)])
def test_what_is_no_schedule_is_refused(wrong):
    with pytest.raises(ValueError, match="argument `schedule`. Expected a sch"):
        kreg.layers.ScheduledDropout(0.5, wrong)


def test_a_profile_of_ones_own_cannot_leave_the_range():
    class Overshoot(S.Profile):
        def profile(self, time):
            return time - 3.0

    values = [float(Overshoot()(step)) for step in (0, 3, 4, 9)]
    assert values == [0.0, 0.0, 1.0, 1.0]


def test_repr_reads_like_the_constructor():
    assert repr(S.Ramp(steps=10)) == "Ramp(steps=10, begin_step=0)"

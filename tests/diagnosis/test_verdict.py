import json

import pytest
import scripted_curves as curves

from kreg.diagnosis import Advice, Verdict, diagnose

TRAIN, VAL = curves.training(), curves.rising(rise=0.2)
OVERFITTING = diagnose(TRAIN, VAL)
EVERY_STATUS = {
    verdict.status: verdict
    for verdict in (
        OVERFITTING,
        diagnose(TRAIN, curves.converging()),
        diagnose(TRAIN, curves.converging(tau=40.0, floor=0.3)),
        diagnose(TRAIN, curves.rising(rise=0.02)),
        diagnose([1.0] * 20, [1.0] * 20),
        diagnose([2.0, 1.0], [2.0, float("inf")]),
        diagnose([2.0, 1.0], [2.0, 1.0]),
        diagnose(None, [float("nan")] * 3),
        diagnose(
            curves.training(12, tau=2),
            curves.noisy([1.0] * 12, 0.8, seed=3),
        ),
    )
}


def test_every_status_is_reached():
    assert set(EVERY_STATUS) == {
        "healthy",
        "underfitting",
        "still improving",
        "plateau",
        "overfitting",
        "diverged",
        "too short to tell",
        "noise too large to tell",
    }


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_json_round_trip_of_every_status(status):
    verdict = EVERY_STATUS[status]
    again = Verdict.from_json(verdict.to_json())
    assert again == verdict
    assert isinstance(again.advice, tuple)
    assert all(isinstance(advice, Advice) for advice in again.advice)


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_text_of_every_status(status):
    verdict = EVERY_STATUS[status]
    assert str(verdict).startswith(status)
    assert "\n" not in str(verdict)
    paragraph = verdict.explain()
    assert paragraph.endswith(".")
    undecided = status.endswith("to tell")
    assert (f"{verdict.confidence:.0%}" in paragraph) != undecided
    for advice in verdict.advice:
        assert advice.text in paragraph
        assert advice.direction in ("up", "down", "none")


def test_the_paragraph_says_what_the_probability_is_of():
    assert "That it overfits is right with" in OVERFITTING.explain()
    healthy = EVERY_STATUS["healthy"].explain()
    assert "That it does not overfit is right with" in healthy


def test_a_rise_of_losses_below_zero_is_said_to_be_of_their_range():
    # From 2.0 down to 0.5 and up to 0.7 is a rise of 0.2 of 1.5.
    below = diagnose(TRAIN - 3, VAL - 3)
    assert below.relative_rise == pytest.approx(0.2 / 1.5, abs=0.01)
    assert "ends 13% of its range higher" in below.explain()
    assert "range" not in OVERFITTING.explain()


def test_one_line():
    verdict = Verdict(
        status="overfitting",
        overfitting=True,
        best_epoch=16,
        onset_epoch=17,
        gap=0.3141,
        relative_rise=0.2,
        confidence=0.9,
        evidence={},
        advice=(
            Advice("L2 x3", "*/l2", "up", 3.0, "Because."),
            Advice("dropout 0.5", "*/rate", "up", None, "Because."),
            Advice("stop", "", "none", None, "Because."),
        ),
    )
    assert str(verdict) == (
        "overfitting since epoch 17 (best epoch 16); gap 0.31; "
        "try L2 x3 or dropout 0.5"
    )


def test_a_changed_field_is_another_verdict():
    fields = json.loads(OVERFITTING.to_json())
    fields["confidence"] = 0.123
    assert Verdict.from_json(json.dumps(fields)) != OVERFITTING


def test_a_verdict_cannot_be_changed():
    with pytest.raises(AttributeError):
        OVERFITTING.status = "healthy"


def test_equal_verdicts_are_one_in_a_set():
    assert len({OVERFITTING, diagnose(TRAIN, VAL)}) == 1
    assert len(set(EVERY_STATUS.values())) == len(EVERY_STATUS)


def changed(**fields):
    return json.dumps({**json.loads(OVERFITTING.to_json()), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        changed(status="fine"),
        changed(overfitting=1),
        changed(confidence=1.5),
        changed(confidence="high"),
        changed(best_epoch=1.5),
        changed(gap=float("nan")),
        changed(advice=[{"text": "x"}]),
        changed(advice=[1]),
        changed(advice=None),
        changed(evidence=[1]),
        changed(evidence={"a": "b"}),
        changed(surprise=1),
        None,
        b"\xff",
    ],
    ids=range(20),
)
def test_malformed_json_is_refused(text):
    with pytest.raises(ValueError, match="Invalid value for argument `text`"):
        Verdict.from_json(text)


def test_html_is_escaped():
    strengths = {"<b>bad</b>/l2": 0.001}
    html = diagnose(TRAIN, VAL, strengths=strengths)._repr_html_()
    assert "<b>bad</b>" not in html
    assert "&lt;b&gt;bad&lt;/b&gt;/l2" in html


def test_advice_is_made_concrete_by_the_strengths():
    strengths = {
        "first/kernel_regularizer/l2": 1e-4,
        "second/kernel_regularizer/l2": 1e-3,
        "dropout/rate": 0.2,
    }
    penalty, rate, stop = diagnose(TRAIN, VAL, strengths=strengths).advice
    assert penalty.text == "second/kernel_regularizer/l2 0.001 -> 0.003"
    assert (penalty.strength, penalty.direction) == ("*/l2", "up")
    assert penalty.factor == 3
    assert rate.text == "dropout/rate 0.2 -> 0.4"
    assert (rate.strength, rate.factor) == ("*/rate", 2)
    assert stop.strength == ""


def test_advice_without_strengths_names_common_ones():
    assert [advice.text for advice in OVERFITTING.advice[:2]] == [
        "L2 x3",
        "dropout 0.3",
    ]
    # Where there is nothing to multiply, in no unit of the loss.
    assert "begin with 0.4% of the validation loss" in OVERFITTING.advice[0].why


def test_advice_does_not_multiply_a_strength_of_zero():
    strengths = {"a/l2": 0.0, "b/rate": 0.0}
    penalty, rate, _ = diagnose(TRAIN, VAL, strengths=strengths).advice
    assert (penalty.text, penalty.factor) == ("a/l2 0 -> 0.003", None)
    assert (rate.text, rate.factor) == ("b/rate 0 -> 0.3", None)
    assert penalty.apply(strengths) == {"a/l2": penalty.value}
    assert rate.apply(strengths) == {"b/rate": 0.3}


def test_a_penalty_too_small_to_matter_is_raised_to_one_that_does():
    for unit in (1, 10):
        train, val = unit * TRAIN, unit * VAL
        strengths = {"a/l2": 1e-7, "b/l2": 0.05 * unit}
        tiny = {"a/l2": 1e-7}
        # The floor is 0.4 % of the last loss, 0.7 here.
        first = diagnose(train, val, strengths=tiny).advice[0]
        assert first.apply(tiny) == {"a/l2": pytest.approx(0.003 * unit)}
        assert first.factor == pytest.approx(3e4 * unit)
        first = diagnose(train, val, strengths=strengths).advice[0]
        assert first.factor == 3
        assert first.apply(strengths) == pytest.approx(
            {"a/l2": 0.003 * unit, "b/l2": 0.15 * unit}
        )


def test_what_the_model_has_comes_first():
    strengths = {"dropout/rate": 0.1}
    rate, penalty, _ = diagnose(TRAIN, VAL, strengths=strengths).advice
    assert rate.apply(strengths) == {"dropout/rate": pytest.approx(0.35)}
    assert (penalty.text, penalty.value) == ("L2 3e-03", 0.003)
    assert penalty.apply(strengths) == {}
    bare = diagnose(TRAIN, VAL, strengths={}).advice
    assert [a.value for a in bare] == [0.003, 0.3, None]


def test_a_high_rate_is_left_alone():
    strengths = {"dropout/rate": 0.7, "a/l2": 0.1}
    advice = diagnose(TRAIN, VAL, strengths=strengths).advice
    assert [a.strength for a in advice] == ["*/l2", ""]


def test_advice_to_lower_is_applied_too():
    flat = [1.0] * 20
    strengths = {"a/l2": 0.1, "b/rate": 0.8}
    advice = diagnose(flat, flat, strengths=strengths).advice
    assert advice[0].apply(strengths) == {"a/l2": pytest.approx(0.01)}
    assert advice[-1].apply(strengths) == {}


def test_underfitting_lowers_what_is_there_and_nothing_else():
    flat = [1.0] * 20
    assert [a.direction for a in diagnose(flat, flat).advice] == ["none"]
    advice = diagnose(flat, flat, strengths={"a/l2": 0.1, "b/rate": 0.8}).advice
    assert [a.text for a in advice[:2]] == [
        "a/l2 0.1 -> 0.01",
        "b/rate 0.8 -> 0.4",
    ]
    assert {a.direction for a in advice[:2]} == {"down"}


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_what_nobody_feels_does_not_hold_a_network_back(unit):
    flat = [unit] * 20
    # A tenth of 0.4 % of the loss, and of 0.04 %; and one dropout in ten.
    felt = {"a/l2": 4.1e-4 * unit, "b/rate": 0.11}
    unfelt = {"a/l2": 3.9e-4 * unit, "b/rate": 0.1}
    directions = [
        [a.direction for a in diagnose(flat, flat, strengths=s).advice]
        for s in (felt, unfelt, {"a/l1": 4.1e-5 * unit})
    ]
    assert directions == [["down", "down", "none"], ["none"], ["down", "none"]]


def test_a_kind_of_penalty_that_is_zero_does_not_hide_another():
    flat, strengths = [1.0] * 20, {"a/l2": 0.0, "a/l1": 0.1}
    first = diagnose(flat, flat, strengths=strengths).advice[0]
    assert first.text == "a/l1 0.1 -> 0.01"


def test_a_plateau_is_left_by_smaller_steps():
    val = curves.converging(tau=3.0)
    near, far = diagnose(val, val), diagnose(TRAIN, val)
    assert near.status == far.status == "plateau"
    assert [a.text for a in near.advice] == ["learning rate x0.3"]
    # Where the training loss went far below, a penalty comes first.
    assert [a.text for a in far.advice] == ["L2 x3", "learning rate x0.3"]


class Held:
    """Holds a strength as `kreg.Strength` does."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


def test_strengths_may_be_what_holds_them():
    values = {"a/l2": 1e-4, "b/l2": 1e-3, "c/rate": 0.2}
    held = {path: Held(value) for path, value in values.items()}
    assert diagnose(TRAIN, VAL, strengths=held) == diagnose(
        TRAIN, VAL, strengths=values
    )

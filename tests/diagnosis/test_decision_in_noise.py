"""Cycles, noise, gaps and labelled runs."""

import json
import pathlib

import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import diagnose

RUNS = json.loads(
    (pathlib.Path(__file__).parent / "data" / "runs.json").read_text()
)
NAN = float("nan")
TRAIN = curves.training()


@pytest.mark.parametrize("period", [6, 8, 10, 12, 15])
@pytest.mark.parametrize("phase", [0, 0.25, 0.5, 0.75])
def test_cyclic_learning_rate_is_not_overfitting(period, phase):
    val = curves.cyclic(90, period, phase)
    train = curves.cyclic(90, period, phase) - 0.4
    assert not diagnose(train, val).overfitting
    assert not diagnose(None, val).overfitting


def test_cycles_that_rise_on_the_whole_are_overfitting():
    drift = np.clip(np.arange(90) - 30, 0, None) * 0.02
    val = curves.cyclic(90, 10, 0.25) + drift
    verdict = diagnose(curves.training(90), val)
    assert verdict.overfitting
    assert verdict.best_epoch <= 36


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_noise_is_rarely_taken_for_overfitting(share):
    flat = curves.converging(tau=5.0)
    alarms = sum(
        diagnose(TRAIN, curves.noisy(flat, share, seed)).overfitting
        for seed in range(100)
    )
    assert alarms <= 15


@pytest.mark.parametrize("epochs", [12, 20, 40, 60, 100])
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_what_noise_does_by_chance_is_not_overfitting(epochs, share):
    """Without the comparison with chance up to 0.7 of these alarm."""
    train = curves.training(epochs, tau=epochs / 5)
    verdicts = [
        diagnose(train, curves.noisy(np.ones(epochs), share, seed))
        for seed in range(200)
    ]
    assert np.mean([v.overfitting for v in verdicts]) <= 0.5
    hidden = [v for v in verdicts if v.status == "noise too large to tell"]
    assert hidden
    assert max(verdict.confidence for verdict in hidden) == 0.5


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_a_clear_rise_is_found_in_noise(share):
    found = sum(
        diagnose(TRAIN, curves.noisy(curves.rising(), share, seed)).overfitting
        for seed in range(100)
    )
    assert found >= 95


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_long_noisy_plateau_is_rarely_taken_for_overfitting(share):
    """The lowest of 400 noisy values is lucky; a mean is not."""
    flat = curves.converging(400, floor=0.7, tau=30.0)
    train = curves.training(400, tau=60.0)
    alarms = sum(
        diagnose(train, curves.noisy(flat, share, seed)).overfitting
        for seed in range(100)
    )
    assert alarms <= 20
    risen = flat * np.linspace(1, 1 + 4 * share, 400)
    found = sum(
        diagnose(train, curves.noisy(risen, share, seed)).overfitting
        for seed in range(20)
    )
    assert found == 20


def test_a_trend_is_found_where_the_noise_hides_the_level():
    val = curves.rising(rise=0.1)
    found = sum(
        diagnose(TRAIN, curves.noisy(val, 0.1, seed)).overfitting
        for seed in range(100)
    )
    assert found >= 93


def test_noise_that_hides_everything_is_said_to():
    val = curves.noisy(np.full(12, 1.0), 0.8, seed=3)
    verdict = diagnose(curves.training(12, tau=2), val)
    assert verdict.status == "noise too large to tell"
    assert verdict.confidence < 0.8


def test_missing_epochs_are_skipped_and_numbers_kept():
    val = [None] * 120
    val[1::2] = curves.rising()
    verdict = diagnose(curves.training(120), val, epochs=range(100, 220))
    assert verdict.overfitting
    assert verdict.best_epoch % 2 == 1
    assert 136 <= verdict.best_epoch <= 155
    assert verdict.onset_epoch % 2 == 1
    assert verdict.evidence["epochs"] == 60


def test_a_missing_training_epoch_changes_nothing():
    train = curves.with_value(TRAIN, 30, NAN)
    one, other = (
        diagnose(train, curves.rising()),
        diagnose(TRAIN, curves.rising()),
    )
    assert str(one) == str(other)
    assert one.relative_rise == other.relative_rise
    assert one.confidence == pytest.approx(other.confidence, abs=1e-3)


def test_gap_is_taken_from_the_probe_where_there_is_one():
    val, probe = curves.converging(), TRAIN - 0.04
    assert diagnose(TRAIN + 1, val).gap == pytest.approx(-0.55, abs=0.02)
    with_probe = diagnose(TRAIN + 1, val, probe_loss=probe)
    assert with_probe.gap == pytest.approx(0.49, abs=0.02)


def test_relative_rise_is_of_the_best_level():
    # A flat 0.5 for 20 epochs, then a flat 0.6: a fifth more.
    val = np.repeat([0.9, 0.5, 0.6], 20)
    assert diagnose(TRAIN, val).relative_rise == pytest.approx(0.2)


def test_paired_series_sharpen_the_confidence():
    val = curves.rising(rise=0.1)
    rise = val - np.minimum.accumulate(val)
    sure = diagnose(TRAIN, val, val_rise=rise, val_rise_se=np.full(60, 0.005))
    unsure = diagnose(TRAIN, val, val_rise=rise, val_rise_se=np.full(60, 0.5))
    assert sure.overfitting
    assert unsure.overfitting
    assert sure.confidence > unsure.confidence + 0.05


def test_labelled_runs():
    """Fails if the decision gets worse than `final > 1.1 * min` by much."""
    right = [
        diagnose(run["train_loss"], run["val_loss"]).overfitting
        == run["overfit"]
        for run in RUNS
        if not run["borderline"]
    ]
    assert np.mean(right) >= 0.85


def test_confident_verdicts_on_labelled_runs_are_right_more_often():
    verdicts = [diagnose(run["train_loss"], run["val_loss"]) for run in RUNS]
    right = np.array(
        [
            v.overfitting == r["overfit"]
            for v, r in zip(verdicts, RUNS, strict=True)
        ]
    )
    confidence = np.array([v.confidence for v in verdicts])
    confident = confidence >= np.median(confidence)
    assert right[confident].mean() > right[~confident].mean()
    assert ((confidence >= 0.5) & (confidence <= 1)).all()


def test_one_lucky_last_epoch_does_not_hide_what_the_last_tenth_shows():
    val = curves.with_value(curves.rising(rise=0.1), 59, 0.52)
    # Ranks of a flat training loss say nothing: the rises alone decide.
    verdict = diagnose(np.full(60, 0.3), val)
    mean = np.mean([*val[-6:-1], np.median(val[-3:])])
    lowest = min(val[i - i // 10 : i + i // 10 + 1].mean() for i in range(58))
    expected = (mean - lowest) / lowest
    assert verdict.evidence["end_rise"] == pytest.approx(expected, rel=0.02)
    assert verdict.relative_rise < 0.07
    assert verdict.overfitting


def test_without_a_training_curve_the_confidence_is_that_of_the_score():
    verdict = diagnose(None, curves.rising(rise=0.1))
    odds = verdict.evidence["score"]
    expected = 1 / (1 + np.exp(-odds))
    assert verdict.confidence == pytest.approx(expected, abs=1e-3)


def test_the_further_the_losses_end_apart_the_surer_is_overfitting():
    val = curves.rising(rise=0.1)
    near, far = diagnose(TRAIN, val), diagnose(TRAIN**3, val)
    assert near.evidence["score"] == pytest.approx(far.evidence["score"])
    assert near.overfitting
    assert far.confidence > near.confidence + 0.02

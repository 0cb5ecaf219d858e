"""What must hold for every curve, tried on real and on random ones."""

import json
import pathlib

import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import History, Verdict, diagnose, text_plot

RUNS = json.loads(
    (pathlib.Path(__file__).parent / "data" / "runs.json").read_text()
)


def random_curves(count=60):
    """Random walks, falling and rising curves, short and long, noisy or not."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        epochs = int(rng.integers(5, 120))
        step = np.arange(epochs)
        trend = rng.uniform(0, 2) * np.exp(-step / rng.uniform(1, 40))
        drift = rng.uniform(-0.2, 1) * step / epochs
        walk = np.cumsum(rng.normal(size=epochs)) * rng.choice([0, 0.01, 0.1])
        val = np.abs(1 + trend + drift + walk) + 1e-3
        val *= np.exp(rng.choice([0, 0.02, 0.2]) * rng.normal(size=epochs))
        train = np.abs(trend + 0.1 + 0.01 * rng.normal(size=epochs))
        yield train, val


def special_curves():
    """Ties, low spikes after the onset, and rises close to the floor."""
    for high, low in ((0.7, 0.3), (0.7, 0.1), (1.1, 0.9), (0.3, 0.3)):
        yield curves.training(), np.repeat([high, low], [40, 20])
        yield curves.training(), np.repeat([high, low, high], [20, 30, 10])
    for epoch in (35, 45, 50, 58):
        low = curves.with_value(curves.rising(rise=0.15), epoch, 0.01)
        yield curves.training(), low
    for epoch in range(8, 14):
        low = curves.with_value(curves.rising(40, 4, 0.3), epoch, 0.01)
        yield curves.training(40), low
    for rise in np.linspace(0.03, 0.15, 60):
        yield curves.training(), curves.rising(rise=rise)


PAIRS = [
    *((np.array(run["train_loss"]), np.array(run["val_loss"])) for run in RUNS),
    *random_curves(),
    *special_curves(),
]


@pytest.mark.parametrize("factor", [1e-6, 0.1, 1 / 3, 7.0, 1e6])
def test_the_unit_of_the_loss_changes_nothing(factor):
    for train, val in PAIRS:
        one, other = (
            diagnose(train, val),
            diagnose(train * factor, val * factor),
        )
        for name in (
            "status",
            "overfitting",
            "best_epoch",
            "onset_epoch",
            "relative_rise",
            "confidence",
            "advice",
        ):
            assert getattr(one, name) == getattr(other, name)
        assert other.gap == pytest.approx(one.gap * factor, rel=1e-4)


def test_new_minima_never_make_a_healthy_curve_overfit():
    healthy = 0
    for train, val in PAIRS:
        if diagnose(train, val).overfitting:
            continue
        healthy += 1
        for count in (1, 2, 3, 10):
            lower = val.min() * 0.99 ** np.arange(1, count + 1)
            more = np.concatenate([val, lower])
            train_more = np.concatenate([train, np.full(count, train[-1])])
            assert not diagnose(train_more, more).overfitting
    assert healthy > 30


def test_one_new_minimum_never_makes_a_noisy_healthy_curve_overfit():
    rng = np.random.default_rng(1)
    for seed in range(1500):
        epochs = int(rng.integers(8, 60))
        rise, share = rng.uniform(0.02, 0.3), rng.choice([0, 0.05, 0.2])
        val = curves.rising(epochs, max(2, epochs // 4), rise)
        val, train = curves.noisy(val, share, seed), curves.training(epochs)
        if diagnose(train, val).overfitting:
            continue
        more = np.append(val, 0.99 * val.min())
        assert not diagnose(np.append(train, train[-1]), more).overfitting


def test_cutting_after_the_onset_leaves_the_best_epoch():
    cuts = 0
    for train, val in PAIRS:
        verdict = diagnose(train, val)
        if not verdict.overfitting:
            continue
        assert verdict.best_epoch < verdict.onset_epoch < len(val)
        for end in range(verdict.onset_epoch + 1, len(val)):
            cuts += 1
            part = diagnose(train[:end], val[:end])
            assert part.best_epoch == verdict.best_epoch
    assert cuts > 300


def test_shifting_the_epochs_shifts_the_verdict():
    for train, val in PAIRS:
        one = diagnose(train, val)
        other = diagnose(train, val, epochs=range(7, 7 + len(val)))
        assert other.status == one.status
        assert other.best_epoch == one.best_epoch + 7
        if one.onset_epoch is not None:
            assert other.onset_epoch == one.onset_epoch + 7


def test_every_other_epoch_missing_is_a_shorter_curve():
    for train, val in PAIRS:
        sparse = np.full(2 * len(val), np.nan)
        sparse[1::2] = val
        one = diagnose(train, val)
        other = diagnose(np.repeat(train, 2), sparse)
        assert (one.status, one.confidence) == (other.status, other.confidence)
        assert other.best_epoch == 2 * one.best_epoch + 1


def test_numbers_are_plain_and_finite():
    for train, val in PAIRS:
        verdict = diagnose(train, val)
        for number in verdict.evidence.values():
            assert type(number) in (int, float)
            assert np.isfinite(number)
        assert type(verdict.best_epoch) is int
        assert type(verdict.overfitting) is bool


@pytest.mark.parametrize("epochs", [5, 6, 7, 8])
def test_the_shortest_runs_have_a_verdict(epochs):
    rng = np.random.default_rng(1)
    for _ in range(200):
        verdict = diagnose(rng.random(epochs), rng.random(epochs))
        assert verdict.status != "too short to tell"


POOL = [0.0, 1.0, 3, -1, None, 1e-9, 5e-324, 1e-300, 1e300, 1.7e308, -1.7e308]
POOL += [float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("seed", range(20))
def test_extreme_values_do_not_break_it(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        few = rng.choice(len(POOL), size=rng.integers(1, 5))
        epochs = int(rng.integers(1, 25))

        def series(few=few, epochs=epochs):
            return [
                POOL[rng.choice(few)]
                if rng.random() < 0.7
                else float(rng.normal())
                for _ in range(epochs)
            ]

        history = History(
            series(),
            series(),
            probe_loss=series(),
            val_rise=series(),
            val_rise_se=series(),
        )
        verdict = history.diagnose()
        assert 0.5 <= verdict.confidence <= 1
        assert Verdict.from_json(verdict.to_json()) == verdict
        assert verdict.status in verdict._repr_html_()
        assert text_plot(history, verdict)


def test_a_level_of_next_to_nothing():
    val = [1.0] * 20 + [1e-15] * 10 + [1e-14] * 10
    assert not diagnose(None, val).overfitting


@pytest.mark.parametrize("tau", [1.0, 1.5, 2.0, 2.5])
@pytest.mark.parametrize("floor", [0.1, 0.3, 0.7])
def test_what_rounding_alone_tells_apart_is_equal(tau, floor):
    """Both curves end in values that differ in their last bit."""
    step = np.arange(60)
    train = floor + np.exp(-step / tau)
    val = 2 * floor + np.exp(-step / (1.3 * tau))
    expected = diagnose(train, val).evidence["agreement"]
    for factor in (0.96875, 1.1, 3.3, 0.7, 1e-5):
        found = diagnose(factor * train, factor * val).evidence["agreement"]
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_cut_to_too_few_epochs_keeps_the_best_one_too():
    val = [1.05, 1.085, 1.112, 1.043, 1.104, 1.157, 1.172]
    whole = diagnose(None, val)
    assert (whole.overfitting, whole.onset_epoch) == (True, 2)
    for end in (3, 4):
        cut = diagnose(None, val[:end])
        assert cut.status == "too short to tell"
        assert cut.best_epoch == whole.best_epoch == 0
    assert diagnose(None, [3.0, 2.0]).best_epoch == 1
    assert diagnose(None, [3.0, 2.0, 1.0]).best_epoch == 2
    assert diagnose(None, [3.0, 2.0, 1.0, 0.5]).best_epoch == 3

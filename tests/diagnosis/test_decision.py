import json
import pathlib

import curves
import numpy as np
import pytest

from kreg.diagnosis import diagnose

NAN = float("nan")
RUNS = json.loads(
    (pathlib.Path(__file__).parent / "data" / "runs.json").read_text()
)
TRAIN = curves.training()
STEPS = np.arange(60)
FALLING = curves.converging(tau=40.0, floor=0.3)
DECAYS = np.select(
    [STEPS < 20, STEPS < 40],
    [1 + np.exp(-STEPS / 4) + 0.015 * STEPS, 0.6 + 0.002 * (STEPS - 20)],
    0.5,
)

# name, training loss, validation loss, status, range of the best epoch, range
# of the onset epoch.
TABLE = [
    ("converging", TRAIN, curves.converging(), "healthy", (50, 59), None),
    ("falling", TRAIN, FALLING, "still improving", (59, 59), None),
    ("rising", TRAIN, curves.rising(), "overfitting", (18, 27), (22, 33)),
    (
        "rising, 12 epochs",
        curves.training(12, tau=2),
        curves.rising(12, 4, 0.4),
        "overfitting",
        (4, 5),
        (6, 8),
    ),
    (
        "rising from the first epoch",
        TRAIN,
        0.5 + 0.01 * STEPS,
        "overfitting",
        (0, 0),
        (1, 8),
    ),
    (
        "drift below the effect floor",
        TRAIN,
        curves.rising(rise=0.02),
        "plateau",
        (18, 35),
        None,
    ),
    (
        "spike in the middle",
        TRAIN,
        curves.with_value(curves.converging(), 40, 5.0),
        "healthy",
        (50, 59),
        None,
    ),
    (
        "spike at the end",
        TRAIN,
        curves.with_value(curves.converging(), -1, 5.0),
        "healthy",
        (50, 58),
        None,
    ),
    (
        "one low epoch at the end of a rise",
        TRAIN,
        curves.with_value(curves.rising(), -1, 0.01),
        "overfitting",
        (18, 27),
        (22, 33),
    ),
    (
        "one low epoch within a rise",
        TRAIN,
        curves.with_value(curves.rising(), 50, 0.01),
        "overfitting",
        (18, 27),
        (22, 33),
    ),
    ("step decay", TRAIN, DECAYS, "healthy", (40, 59), None),
    (
        "rise after a step decay",
        TRAIN,
        DECAYS + np.clip(STEPS - 40, 0, None) * 0.015,
        "overfitting",
        (40, 42),
        (42, 50),
    ),
    (
        "training loss above (dropout)",
        TRAIN + 1,
        curves.converging(),
        "healthy",
        (50, 59),
        None,
    ),
    (
        "training loss of another kind",
        100 - 3 * np.log1p(STEPS),
        curves.rising(),
        "overfitting",
        (18, 27),
        (22, 33),
    ),
    (
        "losses below zero",
        TRAIN - 3,
        curves.rising() - 3,
        "overfitting",
        (18, 27),
        (22, 33),
    ),
    (
        "healthy below zero",
        TRAIN - 3,
        curves.converging() - 3,
        "healthy",
        (50, 59),
        None,
    ),
    (
        "double descent",
        TRAIN,
        curves.double_descent(),
        "still improving",
        (48, 59),
        None,
    ),
    (
        "double descent that stalls above the first minimum",
        curves.training(70),
        curves.double_descent(end=0.8, rest=20),
        "overfitting",
        (13, 15),
        (15, 20),
    ),
    (
        "no training loss",
        None,
        curves.rising(),
        "overfitting",
        (18, 27),
        (22, 33),
    ),
    (
        "one low epoch in a converging run",
        TRAIN,
        curves.with_value(curves.converging(), 30, 0.1),
        "healthy",
        (50, 59),
        None,
    ),
    (
        "second descent under way",
        curves.training(50),
        curves.double_descent(end=0.7, rest=0),
        "still improving",
        (13, 15),
        None,
    ),
    (
        "constant",
        np.full(60, 0.3),
        np.full(60, 0.3),
        "underfitting",
        (0, 0),
        None,
    ),
    ("zeros", np.zeros(60), np.zeros(60), "underfitting", (0, 0), None),
    (
        "memorizing without gain",
        TRAIN,
        np.full(60, 0.69),
        "plateau",
        (0, 0),
        None,
    ),
    (
        "barely learning",
        2.3 - 0.0005 * STEPS,
        2.31 - 0.0004 * STEPS,
        "underfitting",
        (59, 59),
        None,
    ),
    (
        "both losses rising",
        0.5 + 0.02 * STEPS,
        0.5 + 0.02 * STEPS,
        "diverged",
        (0, 0),
        None,
    ),
    (
        "not a number at the end",
        np.append(TRAIN, [NAN, NAN]),
        np.append(curves.converging(), [NAN, NAN]),
        "diverged",
        (59, 59),
        None,
    ),
    (
        "infinite at the end",
        TRAIN,
        curves.with_value(curves.converging(), -1, np.inf),
        "diverged",
        (58, 58),
        None,
    ),
    (
        "infinite once",
        TRAIN,
        curves.with_value(curves.converging(), 30, np.inf),
        "healthy",
        (50, 59),
        None,
    ),
    (
        "four epochs",
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        "too short to tell",
        (0, 0),
        None,
    ),
]


@pytest.mark.parametrize(
    ("train", "val", "status", "best", "onset"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_scripted_curves(train, val, status, best, onset):
    verdict = diagnose(train, val)
    assert verdict.status == status
    assert verdict.overfitting == (status == "overfitting")
    assert best[0] <= verdict.best_epoch <= best[1]
    if onset is None:
        assert verdict.onset_epoch is None
    else:
        assert onset[0] <= verdict.onset_epoch <= onset[1]


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


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_a_clear_rise_is_found_in_noise(share):
    found = sum(
        diagnose(TRAIN, curves.noisy(curves.rising(), share, seed)).overfitting
        for seed in range(100)
    )
    assert found >= 95


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
    assert diagnose(train, curves.rising()) == diagnose(TRAIN, curves.rising())


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
    assert sure.confidence > 0.9
    assert unsure.confidence < 0.7


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


BAD_SERIES = [
    [],
    None,
    "0.5 0.4",
    3.0,
    [[1.0], [2.0]],
    [1.0, "2"],
    [True, False],
    [1.0, [2.0]],
    [1.0, None, True],
    [1.0, 10**400],
    {"val_loss": [1.0]},
    [1 + 2j],
]


@pytest.mark.parametrize("value", BAD_SERIES, ids=repr)
def test_bad_validation_loss_is_refused(value):
    message = (
        "Invalid value for argument `val_loss`. Expected a non-empty sequence "
        "of floats. Received: val_loss="
    )
    with pytest.raises(ValueError, match=message):
        diagnose([1.0, 2.0], value)


def test_lengths_must_agree():
    with pytest.raises(
        ValueError, match=r"`train_loss`.*as long as `val_loss`"
    ):
        diagnose([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"`probe_loss`.*length 3"):
        diagnose([1.0, 2.0], [1.0, 2.0], probe_loss=[1, 2, 3])


@pytest.mark.parametrize("epochs", [[0, 0], [1, 0], [-1, 0], [0, 0.5], [0]])
def test_bad_epochs_are_refused(epochs):
    with pytest.raises(ValueError, match="Invalid value for argument `epochs`"):
        diagnose([1.0, 2.0], [1.0, 2.0], epochs=epochs)


def test_numpy_scalars_are_numbers():
    val = [np.float32(x) for x in curves.rising()]
    assert diagnose(None, val).overfitting

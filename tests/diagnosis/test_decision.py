"""Curves whose verdict is plain to the eye, and what it should be."""

import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import diagnose

NAN = float("nan")
TRAIN = curves.training()
STEPS = np.arange(60)
FALLING = curves.converging(tau=40.0, floor=0.3)
DECAYS = np.select(
    [STEPS < 20, STEPS < 40],
    [1 + np.exp(-STEPS / 4) + 0.015 * STEPS, 0.6 + 0.002 * (STEPS - 20)],
    0.5,
)
# More than half of the rise is undone, but now the rest would take for ever.
HALTED = np.concatenate(
    [
        np.linspace(2.0, 0.6, 15),
        np.linspace(0.6, 1.8, 15),
        np.linspace(1.8, 1.0, 20),
        np.linspace(1.0, 0.93, 50),
    ]
)
# Back from one stay above the minimum and on another, as with a cyclic learning
# rate; but the training loss ignores the first, and jitters in the second.
TWO_STAYS = np.repeat([2.0, 0.5, 0.75, 0.45, 0.75], [6, 12, 14, 12, 16])
UNMOVED = np.where(STEPS < 44, TRAIN, 0.06 + 0.01 * (STEPS % 2))

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
        "second descent that came to a halt half way",
        curves.training(100),
        HALTED,
        "overfitting",
        (13, 15),
        (15, 20),
    ),
    (
        "two stays above the minimum that the training loss ignores",
        UNMOVED,
        TWO_STAYS,
        "overfitting",
        (32, 44),
        (40, 47),
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
        "both losses growing without bound",
        np.append(TRAIN[:30], 0.1 * np.exp(0.3 * STEPS[:30])),
        np.append(curves.converging()[:30], 0.6 * np.exp(0.3 * STEPS[:30])),
        "diverged",
        (29, 30),
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


@pytest.mark.parametrize("epochs", range(5, 121))
def test_the_best_epoch_of_a_loss_that_always_falls_is_the_last(epochs):
    val = curves.converging(epochs, tau=epochs / 3)
    verdict = diagnose(curves.training(epochs), val)
    assert verdict.best_epoch == epochs - 1

"""Shapes that papers plot, in closed form, labelled as any reader would."""

import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import diagnose


def falling(epochs, start, end, tau):
    return end + (start - end) * np.exp(-np.arange(epochs) / tau)


def turning(epochs, turn, rise, power=1.0):
    """Falls to 0.6 until a share of the run, and ends that much higher."""
    at = turn * (epochs - 1)
    fall = falling(epochs, 2.0, 0.6, max(at / 5, 0.4))
    up = np.clip((np.arange(epochs) - at) / (epochs - 1 - at), 0, None)
    return fall * (1 + rise * up**power)


def stepped(epochs, before, after):
    """A learning rate drop at 60 % of the run."""
    fall = falling(epochs, 2.0, before, epochs / 10)
    return np.where(np.arange(epochs) < 0.6 * epochs, fall, after)


def descending_twice(epochs, end):
    points = [0, 0.1 * epochs, 0.3 * epochs, 0.9 * epochs, epochs - 1]
    return np.interp(np.arange(epochs), points, [2, 0.8, 1.3, end, end])


# name: validation loss of that many epochs.
OVERFITTING = {
    "classic U": lambda n: turning(n, 0.25, 0.5),
    "late turn, doubled": lambda n: turning(n, 0.5, 1.0),
    "a fifth": lambda n: turning(n, 0.33, 0.2),
    "a fifth in the last 40 %": lambda n: turning(n, 0.6, 0.2),
    "a quarter, slowing down": lambda n: turning(n, 0.2, 0.25, 0.5),
    "late divergence": lambda n: turning(n, 0.8, 0.6),
    "turn in the first epochs": lambda n: turning(n, 0.03, 0.3),
    "from the first epoch on": lambda n: np.linspace(1, 1.8, n),
    "error rate, 10 to 12 %": lambda n: turning(n, 0.33, 0.2) / 6,
    "small unit": lambda n: turning(n, 0.25, 0.5) * 1e-4,
    "double descent that stalls": lambda n: descending_twice(n, 1.2),
}
FINE = {
    "falling": lambda n: falling(n, 2.1, 0.3, n / 4),
    "converging": lambda n: falling(n, 2.1, 0.4, n / 8),
    "constant gap": lambda n: falling(n, 2.1, 0.7, n / 12),
    "drift of 3 %": lambda n: turning(n, 0.33, 0.03),
    "spike at the end": lambda n: curves.with_value(
        falling(n, 2.1, 0.5, n / 8), -1, 1.2
    ),
    "spike in the middle": lambda n: curves.with_value(
        falling(n, 2.1, 0.5, n / 8), n // 2, 3.0
    ),
    "learning rate drop": lambda n: stepped(n, 0.9, 0.6),
    "double descent": lambda n: descending_twice(n, 0.5),
}


@pytest.mark.parametrize("epochs", [20, 50, 100, 400])
@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("shape", [*OVERFITTING, *FINE])
def test_shapes_that_papers_plot(shape, noise, epochs):
    val = {**OVERFITTING, **FINE}[shape](epochs)
    val = curves.noisy(val, noise, seed=1)
    scale = val[0] / 2
    train = scale * falling(epochs, 2.0, 0.05, epochs / 6)
    for given in (train, train + scale, None):
        verdict = diagnose(given, val)
        assert verdict.overfitting == (shape in OVERFITTING), str(verdict)


@pytest.mark.parametrize("epochs", [10, 15])
@pytest.mark.parametrize(
    "shape", ["classic U", "late turn, doubled", "falling", "spike at the end"]
)
def test_shapes_of_few_epochs(shape, epochs):
    val = {**OVERFITTING, **FINE}[shape](epochs)
    verdict = diagnose(falling(epochs, 2.0, 0.05, epochs / 6), val)
    assert verdict.overfitting == (shape in OVERFITTING)

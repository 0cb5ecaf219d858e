"""Scripted loss curves whose verdict is plain to the eye."""

import numpy as np


def training(epochs=60, floor=0.05, tau=8.0):
    """A training loss that falls all the time."""
    return floor + 2 * np.exp(-np.arange(epochs) / tau)


def converging(epochs=60, floor=0.5, tau=10.0):
    """A validation loss that falls to a floor and stays."""
    return floor + 1.5 * np.exp(-np.arange(epochs) / tau)


def rising(epochs=60, turn=20, rise=0.5, floor=0.5):
    """A validation loss that falls until `turn` and then rises in a line."""
    step = np.arange(epochs)
    fall = floor + 1.5 * np.exp(-step / (turn / 6))
    return fall + rise * np.clip(step - turn, 0, None) / (epochs - turn)


def cyclic(epochs, period, phase, height=0.15):
    """A converging loss that swings with a cyclic learning rate."""
    step = np.arange(epochs)
    swing = 1 + np.cos(2 * np.pi * (step / period + phase))
    return converging(epochs, tau=8.0) + height * swing


def double_descent(end=0.4, rest=10):
    """Falls to 0.6, rises to 1.2, and falls again to `end` for `rest`."""
    return np.concatenate(
        [
            np.linspace(2.0, 0.6, 15),
            np.linspace(0.6, 1.2, 15),
            np.linspace(1.2, end, 20),
            np.full(rest, end),
        ]
    )


def with_value(curve, epoch, value):
    """The curve with one epoch replaced."""
    changed = np.array(curve, dtype=float)
    changed[epoch] = value
    return changed


def noisy(curve, share, seed):
    """The curve with independent noise of that share of its value."""
    draws = np.random.default_rng(seed).normal(size=len(curve))
    return curve * np.exp(share * draws)

"""Prechelt's stopping criteria GL, PQ and UP, exactly as in the paper.

Epochs are counted from 0 here and from 1 in the paper; nothing else differs.
Every function takes the errors per epoch and returns the first epoch at which
the criterion says to stop, or `None`.

References:
- [Prechelt, 1998](https://doi.org/10.1007/3-540-49430-8_3), section 2.2
"""

import math
import numbers
from collections.abc import Sequence

import numpy as np

from kreg.diagnosis._series import as_series


def generalization_loss(val_loss: Sequence[float]) -> np.ndarray:
    """Returns `GL(t) = 100 * (E_va(t) / E_opt(t) - 1)` for every epoch.

    `E_opt(t)` is the lowest validation error up to epoch t.

    Args:
        val_loss: Sequence of positive floats, one an epoch.

    Returns:
        Array of floats >= 0, in percent.

    Raises:
        ValueError: If a value is missing or not positive.
    """
    errors = _positive(val_loss, "val_loss")
    return 100 * (errors / np.minimum.accumulate(errors) - 1)


def training_progress(
    train_loss: Sequence[float], strip: int = 5
) -> np.ndarray:
    """Returns `P_k(t)` at the end of every strip of `strip` epochs.

    `P_k(t) = 1000 * (mean of the strip / minimum of the strip - 1)`.

    Args:
        train_loss: Sequence of positive floats, one an epoch.
        strip: Integer >= 1. The paper's k. Defaults to `5`.

    Returns:
        Array of floats >= 0, in per mille; entry s belongs to the epochs
        `s * strip` to `(s + 1) * strip - 1`.

    Raises:
        ValueError: If a value is missing or not positive.
    """
    errors = _positive(train_loss, "train_loss")
    _check_count(strip, "strip")
    strips = errors[: errors.size // strip * strip].reshape(-1, strip)
    # Divided first, so that equal errors give a progress of 0 and no less.
    ratios = strips / strips.min(axis=1, keepdims=True)
    return 1000 * (ratios.mean(axis=1) - 1)


def gl(val_loss: Sequence[float], alpha: float) -> int | None:
    """Stops at the first epoch with `GL(t) > alpha`.

    Args:
        val_loss: Sequence of positive floats, one an epoch.
        alpha: Float. Threshold in percent; the paper tries 1, 2, 3 and 5.

    Returns:
        The epoch, counted from 0, or `None`.
    """
    _check_threshold(alpha)
    return _first(generalization_loss(val_loss) > alpha)


def pq(
    train_loss: Sequence[float],
    val_loss: Sequence[float],
    alpha: float,
    strip: int = 5,
) -> int | None:
    """Stops at the first end of strip with `GL(t) / P_k(t) > alpha`.

    Args:
        train_loss: Sequence of positive floats, one an epoch.
        val_loss: Sequence of positive floats, one an epoch.
        alpha: Float. Threshold; the paper tries 0.5, 0.75, 1, 2 and 3.
        strip: Integer >= 1. The paper's k. Defaults to `5`.

    Returns:
        The epoch, counted from 0, or `None`.
    """
    _check_threshold(alpha)
    loss = generalization_loss(val_loss)
    progress = training_progress(train_loss, strip)
    if len(train_loss) != loss.size:
        raise ValueError(
            "Invalid value for argument `train_loss`. Expected a sequence as "
            f"long as `val_loss` ({loss.size}). Received: train_loss of "
            f"length {len(train_loss)}"
        )
    # Without the division: a strip with no progress at all stops at any loss.
    stops = loss[strip - 1 :: strip] > alpha * progress
    first = _first(stops)
    return None if first is None else (first + 1) * strip - 1


def up(val_loss: Sequence[float], strips: int, strip: int = 5) -> int | None:
    """Stops after `strips` strips in a row that each end higher.

    `UP_s` stops at t iff `UP_(s-1)` stops at `t - k` and
    `E_va(t) > E_va(t - k)`; `UP_1` stops at the first end of strip with
    `E_va(t) > E_va(t - k)`.

    Args:
        val_loss: Sequence of floats, one an epoch.
        strips: Integer >= 1. The paper's s; it tries 2, 3, 4, 6 and 8.
        strip: Integer >= 1. The paper's k. Defaults to `5`.

    Returns:
        The epoch, counted from 0, or `None`.
    """
    errors = as_series(val_loss, "val_loss")
    _check_count(strips, "strips")
    _check_count(strip, "strip")
    ends = errors[strip - 1 :: strip]
    run = 0
    for index, rose in enumerate(np.diff(ends) > 0, start=1):
        run = run + 1 if rose else 0
        if run == strips:
            return (index + 1) * strip - 1
    return None


def _first(stops):
    found = np.flatnonzero(stops)
    return int(found[0]) if found.size else None


def _positive(value, name):
    errors = as_series(value, name)
    if not (errors > 0).all():
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected positive floats, "
            "one an epoch. Received a minimum of "
            f"{float(np.min(errors))!r}"
        )
    return errors


def _check_threshold(alpha):
    is_number = isinstance(alpha, numbers.Real) and not isinstance(alpha, bool)
    if not (is_number and math.isfinite(alpha)):
        raise ValueError(
            "Invalid value for argument `alpha`. Expected a finite float. "
            f"Received: alpha={alpha!r}"
        )


def _check_count(value, name):
    is_count = isinstance(value, numbers.Integral) and value is not True
    if not is_count or value < 1:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected an integer >= 1. "
            f"Received: {name}={value!r}"
        )

"""Draws curves and a verdict on an axes of Matplotlib."""

import textwrap
from typing import Any

import numpy as np

from kreg.diagnosis import Verdict
from kreg.reports._curves import Curves

# Okabe and Ito's colours, told apart with every kind of colour blindness.
VAL = "#D55E00"
TRAIN = "#0072B2"
INK = "#333333"
FAINT = "#8A8A8A"
SHADE = "#F6E3D3"

_TITLE_WIDTH = 88  # characters
_LABEL_ROOM = 0.17  # share of the width, right of the curves
_LABEL_GAP = 0.06  # least distance of two labels, as a share of the height
_LABEL_FLOOR = 0.035  # a label any lower would touch the axis
_HEADROOM = 0.12  # share of the height, for the words above the curves

# A loss this many times the median would flatten all others on a linear axis.
_BLOW_UP = 30.0


def draw(axes: Any, curves: Curves, verdict: Verdict) -> None:
    """Draws everything.

    Args:
        axes: An empty `matplotlib.axes.Axes`.
        curves: `Curves`.
        verdict: `kreg.diagnosis.Verdict` on them.
    """
    _set_scales(axes, curves)
    _shade(axes, curves, verdict)
    lines = [
        (curves.train, TRAIN, "training"),
        (curves.val, VAL, "validation"),
    ]
    for values, colour, _ in lines:
        known = np.isfinite(values)
        axes.plot(
            curves.epochs[known],
            values[known],
            color=colour,
            linewidth=2,
            marker="o" if known.sum() == 1 else None,
            solid_capstyle="round",
        )
    _mark_best(axes, curves, verdict)
    _name_lines(axes, curves, lines)
    _set_frame(axes, curves, verdict)


def _set_scales(axes: Any, curves: Curves) -> None:
    values = np.concatenate([curves.train, curves.val])
    values = values[np.isfinite(values)]
    first, last = curves.epochs[0], curves.epochs[-1]
    span = max(last - first, 1)
    room = span * _LABEL_ROOM / (1 - _LABEL_ROOM)
    axes.set_xlim(first - 0.02 * span, last + room)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > _BLOW_UP * float(np.median(values)):
        axes.set_yscale("log")
        axes.set_ylim(low / 6, high * 3)
        return
    margin = _HEADROOM * ((high - low) or abs(high) or 1.0)
    floor = 0.0 if 0 <= low < 0.5 * high else low - margin
    axes.set_ylim(floor, high + margin)


def _shade(axes: Any, curves: Curves, verdict: Verdict) -> None:
    onset = verdict.onset_epoch
    if onset is None:
        return
    axes.axvspan(onset, curves.epochs[-1], color=SHADE, linewidth=0, zorder=0)
    axes.annotate(
        f"overfitting since epoch {onset}",
        (onset, 1),
        xycoords=("data", "axes fraction"),
        xytext=(5, -6),
        textcoords="offset points",
        va="top",
        color=INK,
        fontsize=9,
    )


def _mark_best(axes: Any, curves: Curves, verdict: Verdict) -> None:
    place = np.flatnonzero(curves.epochs == verdict.best_epoch)
    if not place.size or not np.isfinite(curves.val[place[0]]):
        return
    epoch, loss = curves.epochs[place[0]], curves.val[place[0]]
    axes.plot(
        epoch,
        loss,
        "o",
        markersize=8,
        markerfacecolor="white",
        markeredgecolor=VAL,
        markeredgewidth=2,
        zorder=3,
    )
    axes.annotate(
        f"best: epoch {verdict.best_epoch}, {loss:.3g}",
        (epoch, loss),
        xytext=(0, -12),  # below a minimum there is room
        textcoords="offset points",
        ha="center" if epoch > 0.15 * curves.epochs[-1] else "left",
        va="top",
        color=INK,
        fontsize=9,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
    )


def _name_lines(axes: Any, curves: Curves, lines: Any) -> None:
    """Writes each curve's name and last value at its end."""
    ends = []
    for values, colour, name in lines:
        known = np.flatnonzero(np.isfinite(values))
        if known.size:
            loss = values[known[-1]]
            height = axes.transLimits.transform(
                axes.transScale.transform((0, loss))
            )[1]
            ends.append((height, colour, f"{name}  {loss:.3g}"))
    ends.sort()
    lowest = _LABEL_FLOOR
    for height, colour, text in ends:
        place = max(height, lowest)
        lowest = place + _LABEL_GAP
        axes.annotate(
            text,
            (curves.epochs[-1], place),
            xycoords=("data", "axes fraction"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=10,
            fontweight="bold",
        )


def _set_frame(axes: Any, curves: Curves, verdict: Verdict) -> None:
    title = textwrap.fill(_sentence(verdict), _TITLE_WIDTH)
    axes.set_title(title, loc="left", color=INK, fontsize=11, pad=12)
    axes.set_xlabel("epoch", color=INK)
    what = "loss without penalties" if curves.is_pure else "loss"
    axes.set_ylabel(what, color=INK)
    axes.tick_params(colors=INK, length=3)
    _end_axis_with_curves(axes, curves)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def _end_axis_with_curves(axes: Any, curves: Curves) -> None:
    first, last = float(curves.epochs[0]), float(curves.epochs[-1])
    axes.xaxis.get_major_locator().set_params(integer=True)
    ticks = [tick for tick in axes.get_xticks() if first <= tick <= last]
    axes.set_xticks(ticks)
    axes.spines["bottom"].set_bounds(axes.get_xlim()[0], last)


def _sentence(verdict: Verdict) -> str:
    text = str(verdict)
    return text[:1].upper() + text[1:]

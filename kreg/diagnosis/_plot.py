"""A plot of the curves for a terminal."""

import math

import numpy as np

from kreg.diagnosis._history import History
from kreg.diagnosis._verdict import Verdict

HEIGHT = 12
MARKS = {"val": "o", "train": ".", "both": "*"}


def text_plot(history: History, verdict: Verdict, width: int = 72) -> str:
    """Draws the curves with characters and marks the best and onset epoch.

    Args:
        history: `History`.
        verdict: `Verdict` on it.
        width: Integer >= 20. Characters a line. Defaults to `72`.

    Returns:
        String of several lines, none longer than `width`.

    Raises:
        ValueError: If `width` is below 20.
    """
    if width < 20:
        raise ValueError(
            "Invalid value for argument `width`. Expected an integer >= 20. "
            f"Received: width={width!r}"
        )
    val = _floats(history.val_loss)
    train = _floats(history.probe_loss or history.train_loss or [None])
    known = np.concatenate([val, train])
    known = known[np.isfinite(known)]
    if not known.size:
        return "(no finite losses to draw)"
    low, high = float(known.min()), float(known.max())
    labels = [f"{high:.3g}", f"{low / 2 + high / 2:.3g}", f"{low:.3g}"]
    margin = max(map(len, labels)) + 1
    columns = width - margin - 1
    grid = [[" "] * columns for _ in range(HEIGHT)]
    size = max(-low, high) or 1.0
    for series, name in ((train, "train"), (val, "val")):
        _draw(grid, series / size, MARKS[name], low / size, high / size)
    rows = dict(zip((0, HEIGHT // 2, HEIGHT - 1), labels, strict=True))
    lines = [
        rows.get(index, "").rjust(margin - 1) + " |" + "".join(row)
        for index, row in enumerate(grid)
    ]
    lines += _axis(history, verdict, margin, columns)
    return "\n".join(line.rstrip()[:width] for line in lines)


def _draw(grid, series, mark, low, high):
    """Puts the mean of the epochs that share a column into that column."""
    columns = len(grid[0])
    height = len(grid) - 1
    span = (high - low) or 1.0
    place = _columns(np.arange(series.size), series.size, columns)
    for column in np.unique(place):
        values = series[place == column]
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        share = (float(values.mean()) - low) / span
        row = height - round(share * height)
        taken = grid[row][column] not in (" ", mark)
        grid[row][column] = MARKS["both"] if taken else mark


def _columns(index, count, columns):
    return index * (columns - 1) // max(count - 1, 1)


def _axis(history, verdict, margin, columns):
    """The axis, with B under the best and O under the onset epoch."""
    count = len(history.val_loss)
    axis, below = ["-"] * columns, []
    for letter, word, epoch in (
        ("B", "best", verdict.best_epoch),
        ("O", "onset", verdict.onset_epoch),
    ):
        if epoch is None:
            continue
        index = np.searchsorted(history.epochs, epoch)
        column = int(_columns(min(int(index), count - 1), count, columns))
        axis[column] = letter
        below.append(f"{letter} {word} {epoch}")
    first, last = history.epochs[0], history.epochs[-1]
    legend = f"epochs {first} to {last}; o validation, . training"
    indent = " " * (margin + 1)
    return [" " * margin + "+" + "".join(axis), indent + legend] + (
        [indent + ", ".join(below)] if below else []
    )


def _floats(values):
    numbers = [math.nan if value is None else value for value in values]
    return np.array(numbers, dtype=float)

"""`plot_strength_path`: weights and validation loss over a strength."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from kreg.reports._files import write_atomically
from kreg.reports._matplotlib import figure_class

_SIZE = (8, 7)  # inches
_DPI = 150


def plot_strength_path(
    values: Any,
    curves: Mapping[str, Any],
    val_loss: Any,
    nonzeros: Any,
    path: Any = None,
) -> Any:
    """Draws how weights go to zero as the strength of a penalty grows.

    Needs the extra `report`; opens no window.

    Args:
        values: Floats `(n,)`: the strength, on a logarithmic axis where all
            are above 0.
        curves: Mapping of a name to an array `(n, curves)`: the coefficients
            of a kernel, or the norms of its units.
        val_loss: Floats `(n,)`; NaN is a missing value.
        nonzeros: Integers `(n,)`.
        path: Optional string or `os.PathLike`. The file to write; its ending
            says the format. It is replaced whole. Defaults to `None`.

    Returns:
        String, the path; or the `matplotlib.figure.Figure` if that is `None`.

    Raises:
        ImportError: If Matplotlib is not installed.

    Example:

    >>> figure = kreg.reports.plot_strength_path(
    ...     [1.0, 0.1, 0.01],
    ...     {"dense/kernel": [[0.0, 0.0], [0.5, 0.0], [0.7, 0.1]]},
    ...     [0.9, 0.5, 0.6],
    ...     [0, 1, 2],
    ... )
    >>> figure.axes[0].get_title()
    'dense/kernel'
    """
    values = np.asarray(values, float)
    figure = figure_class()(figsize=_SIZE, dpi=_DPI, layout="constrained")
    rows = figure.subplots(len(curves) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, lines) in zip(rows, curves.items(), strict=False):
        axes.plot(values, np.asarray(lines), linewidth=1)
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set_title(name)
    _draw_losses(rows[-1], values, np.asarray(val_loss, float), nonzeros)
    if (values > 0).all():
        rows[-1].set_xscale("log")
    if path is None:
        return figure
    ending = os.path.splitext(os.fspath(path))[1].lstrip(".") or "png"
    return write_atomically(
        path, lambda file: figure.savefig(file, format=ending)
    )


def _draw_losses(
    axes: Any, values: np.ndarray, val_loss: np.ndarray, nonzeros: Any
) -> None:
    axes.set_xlabel("strength")
    if np.isfinite(val_loss).any():
        axes.plot(values, val_loss, marker="o", markersize=3, color="tab:red")
        best = values[int(np.nanargmin(val_loss))]
        axes.axvline(best, color="tab:red", linestyle=":")
        axes.set_ylabel("validation loss", color="tab:red")
    counts = axes.twinx()
    counts.plot(values, nonzeros, drawstyle="steps-mid", color="tab:gray")
    counts.set_ylabel("weights that are not 0", color="tab:gray")

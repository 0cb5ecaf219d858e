"""`plot_history`: the curves of a run and what they mean."""

import os
from typing import Any

from kreg.diagnosis import Verdict
from kreg.reports import _drawing
from kreg.reports._curves import curves
from kreg.reports._files import write_atomically
from kreg.reports._matplotlib import figure_class

_SIZE = (8, 4.5)  # inches
_DPI = 150


def plot_history(
    history: Any, path: Any = None, verdict: Verdict | None = None
) -> Any:
    """Draws training and validation loss, and marks where overfitting begins.

    Shows the losses that can be compared where the history has them: both
    without penalties, both measured at the end of the epoch. The best epoch
    is marked, the epochs of overfitting are shaded, and the verdict is the
    title. Needs the extra `report`; opens no window.

    Args:
        history: Dict of lists, as `OverfitMonitor.history` or the `history`
            of what `fit` returns. `None` and NaN are missing values.
        path: Optional string or `os.PathLike`. The file to write; its ending
            says the format (`.png`, `.svg`, `.pdf`). It is replaced whole.
            Defaults to `None`: nothing is written.
        verdict: Optional `kreg.diagnosis.Verdict`. Defaults to `None`: the
            diagnosis of the curves.

    Returns:
        String, the path; or the `matplotlib.figure.Figure` if that is `None`.

    Raises:
        ImportError: If Matplotlib is not installed.
        ValueError: If `history` holds no validation loss, or the ending of
            `path` is no format.

    Example:

    >>> history = {
    ...     "loss": [2.0, 1.0, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05],
    ...     "val_loss": [2.0, 1.2, 0.9, 0.8, 0.9, 1.1, 1.3, 1.5],
    ... }
    >>> figure = kreg.reports.plot_history(history)
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    figure = figure_class()(figsize=_SIZE, dpi=_DPI, layout="constrained")
    drawn = curves(history)
    _drawing.draw(
        figure.add_subplot(),
        drawn,
        drawn.diagnose() if verdict is None else verdict,
    )
    if path is None:
        return figure
    ending = os.path.splitext(os.fspath(path))[1].lstrip(".") or "png"
    return write_atomically(
        path, lambda file: figure.savefig(file, format=ending)
    )

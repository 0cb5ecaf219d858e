"""Imports Matplotlib, or says what to install when it is missing."""

from typing import Any


def figure_class() -> type[Any]:
    """Returns `matplotlib.figure.Figure`.

    Figures are made without pyplot: they need no display, no backend choice
    and leave no global state behind.

    Raises:
        ImportError: If Matplotlib is not installed; says how to get it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib, which is not installed. Install it with "
            "`pip install 'kreg[report]'`.",
            name=error.name,
        ) from error
    return Figure

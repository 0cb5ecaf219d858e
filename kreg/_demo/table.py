"""The demo's results as a table of text."""

import collections
import statistics
from collections.abc import Sequence

from kreg._demo.network import Result

_HEAD = ("", "loss, last", "loss, best", "accuracy, best", "gap", "verdict")


def table(results: dict[str, list[Result]]) -> str:
    """Returns a table with one row a variant.

    Args:
        results: Name of a variant to its results, one a seed.

    Returns:
        String of several lines: mean and standard deviation over the seeds,
        and the verdict that most of them got.
    """
    rows = [_HEAD] + [
        (
            name,
            spread([r.last_loss for r in runs], 3),
            spread([r.best_loss for r in runs], 3),
            spread([100 * r.best_accuracy for r in runs], 1) + " %",
            spread([gap(r) for r in runs], 3),
            common([r.monitor.verdict.status for r in runs]),
        )
        for name, runs in results.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def gap(result: Result) -> float:
    """Validation less training loss at the end, both without penalties."""
    return result.monitor.history["generalization_gap"][-1]


def spread(values: Sequence[float], digits: int) -> str:
    """Returns mean and standard deviation, or the value if it is one."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({statistics.stdev(values):.{digits}f})"


def common(words: Sequence[str]) -> str:
    """Returns the most frequent word, and of how many it is true."""
    word, count = collections.Counter(words).most_common(1)[0]
    return word if count == len(words) else f"{word} ({count} of {len(words)})"

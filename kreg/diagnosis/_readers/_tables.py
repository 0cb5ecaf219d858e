"""CSV files: Keras's `CSVLogger`, Lightning's `metrics.csv`, and their like."""

import csv
import io
import pathlib

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._columns import (
    find_columns,
    from_rows,
    no_validation,
)
from kreg.diagnosis._readers._limits import check_rows, malformed, read_text


def read_csv(path: pathlib.Path) -> History:
    """Reads one history from a CSV file with a header line.

    Args:
        path: `pathlib.Path`.

    Returns:
        A `History`.

    Raises:
        ValueError: If the file is malformed.
    """
    text = read_text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[dict] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        found = find_columns(names)
        if names and "val_loss" not in found:
            raise no_validation(names, path)
        wanted = {"epoch", *found.values()}
        places = [(i, name) for i, name in enumerate(names) if name in wanted]
        for cells in reader:
            check_rows(len(rows), path)
            if cells:
                rows.append(_row(cells, places, reader.line_num, path))
    except csv.Error as error:
        raise malformed(path, f"which is not CSV: {error}") from None
    if not rows:
        raise malformed(path, "which has no rows")
    return from_rows(rows, path)


def _row(cells, places, line, path):
    if places and len(cells) <= places[-1][0]:
        raise malformed(path, f"whose line {line} is cut short")
    return {name: _cell(cells[i], name, line, path) for i, name in places}


def _cell(text, name, line, path):
    text = text.strip()
    if text in ("", "None", "NA"):
        return None
    try:
        return float(text)
    except ValueError:
        raise malformed(
            path, f"whose line {line} has {text[:40]!r} as `{name}`"
        ) from None

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

MISSING = ("", "None", "NA", "N/A", "null")


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
    delimiter = _delimiter(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[dict] = []
    try:
        header = next(reader, [])
        names = [name.strip() for name in header]
        found = find_columns(names)
        if names and "val_loss" not in found:
            raise no_validation(names, path)
        wanted = {"epoch", *found.values()}
        places = [(i, name) for i, name in enumerate(names) if name in wanted]
        for cells in reader:
            check_rows(len(rows), path)
            # Some tools write the header again when they go on.
            if cells and cells != header:
                if delimiter != ",":  # then a comma is that of a decimal
                    cells = [cell.replace(",", ".") for cell in cells]
                rows.append(_row(cells, places, reader.line_num, path))
    except csv.Error as error:
        raise malformed(path, f"which is not CSV: {error}") from None
    if not rows:
        raise malformed(path, "which has no rows")
    return from_rows(rows, path)


def _delimiter(header):
    best = max(",;\t|", key=header.count)
    return best if best in header else " "


def _row(cells, places, line, path):
    if places and len(cells) <= places[-1][0]:
        raise malformed(path, f"whose line {line} is cut short")
    return {name: _cell(cells[i], name, line, path) for i, name in places}


def _cell(text, name, line, path):
    text = text.strip()
    if text in MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        raise malformed(
            path, f"whose line {line} has {text[:40]!r} as `{name}`"
        ) from None

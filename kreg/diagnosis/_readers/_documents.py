"""JSON and JSONL: Keras histories, Hugging Face states, rows, trials."""

import pathlib
from typing import Any

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._columns import (
    find_columns,
    from_columns,
    from_rows,
)
from kreg.diagnosis._readers._limits import (
    check_rows,
    malformed,
    parse_json,
    read_text,
)
from kreg.diagnosis._readers._trials import (
    from_journal,
    from_keras_tuner,
    from_optuna,
)


def read_json(path: pathlib.Path) -> list[History]:
    """Reads every history a JSON file holds.

    Args:
        path: `pathlib.Path`.

    Returns:
        List of `History`.

    Raises:
        ValueError: If the file is malformed.
    """
    return from_document(parse_json(read_text(path), path), path)


def read_jsonl(path: pathlib.Path) -> list[History]:
    """Reads every history a file of one JSON value a line holds.

    Args:
        path: `pathlib.Path`.

    Returns:
        List of `History`.

    Raises:
        ValueError: If the file is malformed.
    """
    lines = read_text(path).splitlines()
    check_rows(len(lines), path)
    return from_document(
        [
            parse_json(line, path, f"whose line {number}")
            for number, line in enumerate(lines, 1)
            if line.strip()
        ],
        path,
    )


def from_document(
    document: Any, path: pathlib.Path, name: str = ""
) -> list[History]:
    """Finds the histories in plain values, whatever tool wrote them.

    Args:
        document: What `json.loads` returned.
        path: Where it is from, for the error.
        name: String. The run's name. Defaults to `""`.

    Returns:
        List of `History`.

    Raises:
        ValueError: If there are none.
    """
    if isinstance(document, list) and document:
        return _from_list(document, path)
    if not isinstance(document, dict) or not document:
        raise malformed(path, "which holds no JSON object or list of objects")
    if isinstance(document.get("log_history"), list):  # Hugging Face
        rows = _dicts(document["log_history"], path)
        return [from_rows(list(map(_from_zero, rows)), path, name)]
    if isinstance(document.get("history"), dict):
        return [from_columns(document["history"], path, name)]
    if isinstance(document.get("trials"), list):
        return from_optuna(_dicts(document["trials"], path), path)
    if "trial_id" in document and isinstance(document.get("metrics"), dict):
        return from_keras_tuner(document, path)
    document = {key: _as_list(value) for key, value in document.items()}
    if _is_columns(document):
        return [from_columns(document, path, name)]
    return _from_mapping(document, path)


def _from_list(document, path):
    items = _dicts(document, path)
    if any("intermediate_value" in item for item in items):
        return from_journal(items, path)
    if any("intermediate_values" in item for item in items):
        return from_optuna(items, path)
    if all(_is_columns(item) for item in items):
        return [
            from_columns(item, path, item.get("name", index))
            for index, item in enumerate(items)
        ]
    return [from_rows(items, path)]


def _from_mapping(document, path):
    """A mapping of run name to columns."""
    runs = {
        name: columns
        for name, columns in document.items()
        if isinstance(columns, dict) and _is_columns(columns)
    }
    if not runs:
        # Words the error by what the document does hold.
        return [from_columns(document, path)]
    return [from_columns(runs[name], path, name) for name in runs]


def _as_list(column):
    """The values of a column that pandas wrote: an object of row number."""
    is_numbered = isinstance(column, dict) and list(column) == list(
        map(str, range(len(column)))
    )
    return list(column.values()) if is_numbered and column else column


def _from_zero(row):
    """Hugging Face logs at an epoch's end how many have ended."""
    epoch = row.get("epoch")
    return {**row, "epoch": epoch - 1} if isinstance(epoch, float) else row


def _is_columns(item):
    val = find_columns(item).get("val_loss")
    return val is not None and isinstance(item[val], list)


def _dicts(items, path):
    check_rows(len(items), path)
    if not all(isinstance(item, dict) for item in items):
        raise malformed(path, "which holds a list of other things than objects")
    return items

"""Which reader reads a file."""

import pathlib

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._databases import read_optuna
from kreg.diagnosis._readers._documents import read_json, read_jsonl
from kreg.diagnosis._readers._events import read_events
from kreg.diagnosis._readers._limits import malformed
from kreg.diagnosis._readers._tables import read_csv

BY_SUFFIX = {
    ".csv": lambda path: [read_csv(path)],
    ".tsv": lambda path: [read_csv(path)],
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".log": read_jsonl,
    ".db": read_optuna,
    ".sqlite": read_optuna,
    ".sqlite3": read_optuna,
}


def read_file(path: pathlib.Path) -> list[History]:
    """Reads every history in a file.

    Args:
        path: `pathlib.Path`.

    Returns:
        List of `History`.

    Raises:
        ValueError: If it is malformed, or of no known suffix.
        ImportError: If it holds TensorBoard events and the `tensorboard`
            package is not installed.
    """
    if "tfevents" in path.name:
        return read_events(path.parent, [path])
    suffix = path.suffix.lower()
    if suffix not in BY_SUFFIX:
        known = ", ".join(BY_SUFFIX)
        raise malformed(path, f"whose suffix is none of {known}")
    if not path.is_file():  # to open a pipe would wait for who writes to it
        raise malformed(path, "which is not a regular file")
    if suffix == ".log":
        # Keras's examples name a CSVLogger's file `training.log`.
        with open(path, "rb") as file:
            starts = file.read(1)
        return read_jsonl(path) if starts in b"{[" else [read_csv(path)]
    return BY_SUFFIX[suffix](path)

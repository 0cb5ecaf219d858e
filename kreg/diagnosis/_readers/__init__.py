"""Reads training histories from the files that tools leave behind."""

import os
import pathlib

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._documents import read_json, read_jsonl
from kreg.diagnosis._readers._events import read_events
from kreg.diagnosis._readers._limits import MAX_FILES, malformed
from kreg.diagnosis._readers._tables import read_csv

BY_SUFFIX = {
    ".csv": lambda path: [read_csv(path)],
    ".tsv": lambda path: [read_csv(path)],
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".log": read_jsonl,
}

# The files that tools leave in a directory, the surest first.
IN_FOLDERS = (
    "trial.json",
    "trainer_state.json",
    "metrics.csv",
    "history.json",
    "history.csv",
    "training.log",
    "log.csv",
)


def read_history(path: str | os.PathLike, name: str | None = None) -> History:
    """Reads the training history at a path.

    Reads CSV (Keras's `CSVLogger`, Lightning's `metrics.csv`), JSON and JSONL
    (Keras's `history.history`, Hugging Face's `trainer_state.json`, Optuna's
    exports), TensorBoard event directories and KerasTuner's trial folders.
    The files need not be trusted: nothing in them is executed, and their
    size, length and depth are bounded.

    Args:
        path: String or path of a file or directory.
        name: String. Which history to take if there are several. Defaults to
            `None`, the only one.

    Returns:
        A `History`.

    Raises:
        ValueError: If what is there is not a training history, or there are
            several and `name` does not say which.
        FileNotFoundError: If there is nothing.
        ImportError: If it is a TensorBoard directory and the `tensorboard`
            package is not installed.
    """
    histories = read_histories(path)
    if name is None and len(histories) == 1:
        return next(iter(histories.values()))
    if name not in histories:
        names = ", ".join(list(histories)[:20])
        raise ValueError(
            "Invalid value for argument `name`. Expected one of the "
            f"{len(histories)} histories at that path ({names}). "
            f"Received: name={name!r}"
        )
    return histories[name]


def read_histories(path: str | os.PathLike) -> dict[str, History]:
    """Reads every training history at a path.

    Args:
        path: As for `read_history`.

    Returns:
        Dict of name to `History`, in the order found.

    Raises:
        ValueError: If what is there is not a training history.
        FileNotFoundError: If there is nothing.
        ImportError: As for `read_history`.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No training history at {os.fspath(path)!r}")
    try:
        found = _read_folder(path) if path.is_dir() else _read_file(path)
    except RecursionError:  # JSON that was parsed, but is too deep to look at
        raise malformed(path, "which is nested too deeply") from None
    if not found:
        raise malformed(path, "which holds no history yet")
    histories: dict[str, History] = {}
    for history in found:
        name = history.name or "0"
        if name in histories:
            name = f"{name}-{len(histories)}"
        histories[name] = history
    return histories


def _read_file(path):
    if "tfevents" in path.name:
        return read_events(path.parent, [path])
    suffix = path.suffix.lower()
    if suffix not in BY_SUFFIX:
        known = ", ".join(BY_SUFFIX)
        raise malformed(path, f"whose suffix is none of {known}")
    if suffix == ".log":
        # Keras's examples name a CSVLogger's file `training.log`.
        with open(path, "rb") as file:
            starts = file.read(1)
        return read_jsonl(path) if starts in b"{[" else [read_csv(path)]
    return BY_SUFFIX[suffix](path)


def _read_folder(path):
    for name in IN_FOLDERS:
        if (path / name).is_file():
            return _read_file(path / name)
    files = _walk(path)
    events = [file for file in files if "tfevents" in file.name]
    if events:
        return read_events(path, events)
    for name in IN_FOLDERS:
        inner = [file for file in files if file.name == name]
        if inner:
            return [run for file in inner for run in _read_file(file)]
    raise malformed(
        path, f"which holds neither event files nor any of {IN_FOLDERS}"
    )


def _walk(path):
    """All files below a directory, links not followed."""
    files = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        files += [pathlib.Path(folder, name) for name in sorted(names)]
        if len(files) > MAX_FILES:
            raise malformed(path, f"which holds more than {MAX_FILES:,} files")
    return files

"""Which files of a directory hold its histories."""

import dataclasses
import os
import pathlib

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._events import read_events
from kreg.diagnosis._readers._files import BY_SUFFIX, read_file
from kreg.diagnosis._readers._limits import MAX_BYTES, MAX_FILES, malformed

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


def read_folder(path: pathlib.Path) -> list[History]:
    """Reads every history in a directory.

    The file of a known name in it is its history; else event files below it
    are; else files of the surest known name; else whatever file below it holds
    one.

    Args:
        path: `pathlib.Path`.

    Returns:
        List of `History`, named by their directories or files.

    Raises:
        ValueError: If a file of a known name is malformed, or there is no
            history.
        ImportError: As for `read_file`.
    """
    for name in IN_FOLDERS:
        if (path / name).is_file():
            return read_file(path / name)
    files = _walk(path)
    events = [file for file in files if "tfevents" in file.name]
    if events:
        return read_events(path, events)
    for name in IN_FOLDERS:
        inner = [file for file in files if file.name == name]
        if inner:
            _check_size(inner, path)
            return [
                run
                for file in inner
                for run in _named(read_file(file), file.parent, path)
            ]
    return _whatever(path, files)


def _whatever(path, files):
    """Other files than histories lie in directories, too: passes over them."""
    files = [
        file
        for file in files
        if file.suffix.lower() in BY_SUFFIX and file.is_file()
    ]
    _check_size(files, path)
    found, errors = [], []
    for file in files:
        try:
            found += _named(read_file(file), file.with_suffix(""), path)
        except (ValueError, RecursionError) as error:
            errors.append(error)
    if len(errors) == 1 and not found and isinstance(errors[0], ValueError):
        raise errors[0]
    if not found:
        suffixes = ", ".join(BY_SUFFIX)
        raise malformed(
            path,
            "which holds no training history: no event files, none of "
            f"{', '.join(IN_FOLDERS)}, and no other ({suffixes})",
        )
    return found


def _check_size(files, path):
    if sum(file.stat().st_size for file in files) > MAX_BYTES:
        raise malformed(path, f"which is larger than {MAX_BYTES >> 20} MB")


def _named(runs, place, path):
    """Tells runs apart by where they lie, unless they have names."""
    name = os.path.relpath(place, path)
    return [
        run if run.name else dataclasses.replace(run, name=name) for run in runs
    ]


def _walk(path):
    """All files below a directory, links not followed."""
    files = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        files += [pathlib.Path(folder, name) for name in sorted(names)]
        if len(files) > MAX_FILES:
            raise malformed(path, f"which holds more than {MAX_FILES:,} files")
    return files

"""Reads training histories from the files that tools leave behind."""

import os
import pathlib

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._files import read_file
from kreg.diagnosis._readers._folders import read_folder
from kreg.diagnosis._readers._limits import malformed


def read_history(path: str | os.PathLike, name: str | None = None) -> History:
    """Reads the training history at a path.

    Reads CSV (Keras's `CSVLogger`, Lightning's `metrics.csv`), JSON and JSONL
    (Keras's `history.history`, Hugging Face's `trainer_state.json`, Optuna's
    exports and journals), Optuna's SQLite databases, TensorBoard event
    directories, KerasTuner's trial folders, and directories of any of these.
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
    if not os.path.exists(path):  # "" is no directory, as it is to `Path`
        raise FileNotFoundError(f"No training history at {os.fspath(path)!r}")
    path = pathlib.Path(path)
    try:
        found = read_folder(path) if path.is_dir() else read_file(path)
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

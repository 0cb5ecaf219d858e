"""Files that are either the old ones or the new ones, never half of each."""

import errno
import json
import os
from collections.abc import Callable
from typing import Any


class StorageError(OSError):
    """The project's folder cannot be written. No trial is to blame."""


# No room, no more quota, read-only, no room in one file.
_OF_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def refuse_storage(error: Exception, folder: str) -> None:
    """Raises `StorageError` if `error` tells that a disk is full."""
    if isinstance(error, OSError) and error.errno in _OF_STORAGE:
        raise StorageError(error.errno, _sentence(folder, error)) from error


def replace(path: str, write: Callable[[str], Any]) -> None:
    """Lets `write` make a file beside `path`, and moves it there.

    A process that is killed meanwhile leaves the old file. So does a full
    disk.

    Args:
        path: String. The file that is to be replaced, or made.
        write: Called with the name of a file to write. The name ends as
            `path` does, for Keras looks at the ending.

    Raises:
        StorageError: If it cannot be written; says which file.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".new.{name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # h5py raises both
        remove(temporary)
        code = getattr(error, "errno", None) or errno.EIO
        raise StorageError(code, _sentence(path, error)) from error


def reserve(path: str, size: int) -> None:
    """Raises `OSError` if there is no room for a file of `size` bytes.

    To be called where what is to write it would not raise.

    Args:
        path: String. The file, which is left with anything in it.
        size: Integer.
    """
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", None) in (*_OF_STORAGE, errno.EPERM):
                raise
            file.write(bytes(size))  # systems or disks that have no such call


def _sentence(path: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"Could not write {path}: {reason}. Nothing on the disk was changed. "
        "Once there is room, or the right to write, the same script goes on "
        "from here."
    )


def write_json(path: str, value: Any) -> None:
    """Replaces `path` by `value` as JSON."""
    text = json.dumps(value)  # before a file is opened: it may raise

    def write(temporary: str) -> None:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)

    replace(path, write)


def read_json(path: str) -> Any:
    """Returns what a JSON file holds.

    Raises:
        RuntimeError: If the file is damaged.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError as error:
        raise RuntimeError(
            f"The file {path} is damaged (kreg replaces its files as a whole, "
            "KerasTuner itself does not): give another `project_name`, or "
            "`overwrite=True` to search anew."
        ) from error


def make_folder(path: str) -> None:
    """Makes a folder, and those above it.

    Raises:
        StorageError: If it cannot be made; says which.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise StorageError(
            error.errno,
            f"Could not make the folder {path}: {error.strerror}. Pass a "
            "`directory` that can be written.",
        ) from error


def remove(path: str) -> None:
    """Removes a file, if there is one that can be removed."""
    try:
        os.remove(path)
    except OSError:
        return

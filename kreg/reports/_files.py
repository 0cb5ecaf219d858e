"""Writes files whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from typing import IO, Any

# What `open` gives to a new file; the umask takes away from it.
_MODE = 0o666


def write_atomically(path: Any, write: Callable[[IO[bytes]], None]) -> str:
    """Writes a file beside `path`, then puts it in its place.

    So nobody ever reads half a file, and an error leaves the old one.

    Args:
        path: String or `os.PathLike`.
        write: Function that writes to the binary file it is given.

    Returns:
        String. The path.
    """
    path = os.fspath(path)
    directory, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(
        dir=directory or ".", prefix=f".{name}"
    )
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, _MODE & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

"""Opens files nobody vouches for: bounded in size, length and depth."""

import json
import os
import pathlib
from typing import Any

MAX_BYTES = 64 * 2**20
MAX_ROWS = 1_000_000
MAX_FILES = 10_000


def malformed(path: os.PathLike | str, why: str) -> ValueError:
    """Returns the error for a file that is not a training history."""
    return ValueError(
        "Invalid value for argument `path`. Expected a readable training "
        f"history. Received: path={os.fspath(path)!r}, {why}"
    )


def read_bytes(path: pathlib.Path) -> bytes:
    """Returns a file's bytes.

    Args:
        path: `pathlib.Path`.

    Returns:
        Bytes.

    Raises:
        ValueError: If it is no regular file or too large.
    """
    if not path.is_file():
        raise malformed(path, "which is not a regular file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise malformed(path, f"which is larger than {MAX_BYTES >> 20} MB")
    return data


def read_text(path: pathlib.Path) -> str:
    """Returns a file's text.

    Args:
        path: `pathlib.Path`.

    Returns:
        String.

    Raises:
        ValueError: If it is no regular file, too large, or not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed(path, "which is not UTF-8 text") from None


def parse_json(text: str, path: os.PathLike, what: str = "which") -> Any:
    """Returns what a JSON text holds, every number as a float.

    Args:
        text: String.
        path: Where it is from, for the error.
        what: String. The part of it, for the error. Defaults to `"which"`.

    Returns:
        Plain Python values.

    Raises:
        ValueError: If it is not JSON or nested too deeply.
    """
    try:
        return json.loads(text, parse_int=float)
    except RecursionError:
        raise malformed(path, f"{what} is nested too deeply") from None
    except ValueError as error:
        raise malformed(path, f"{what} is not JSON: {error}") from None


def check_rows(count: int, path: os.PathLike) -> None:
    """Raises if a file holds more rows than any training run."""
    if count > MAX_ROWS:
        raise malformed(path, f"which has more than {MAX_ROWS:,} rows")

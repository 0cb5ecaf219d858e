"""The last of many states of some arrays, in two files written in turns."""

import contextlib
import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kreg._validation import fail

Held = tuple[dict[str, np.ndarray], Any]

_KEYS = {"file", "arrays", "sum", "info"}


class TwinFiles:
    """Keeps the last state of some arrays; never half of it.

    Two files are overwritten in turns, and a third, which is replaced once
    the other is whole, says which of them counts. To overwrite a file takes a
    sixth of the time of making another and removing the old one.

    Args:
        path: String. The third file; the two are beside it, with `.0` and
            `.1` added to its name.
    """

    def __init__(self, path: str):
        self._path = path
        self._turn: int | None = None

    def write(self, arrays: Mapping[str, np.ndarray], info: Any) -> None:
        """Replaces what is kept.

        Args:
            arrays: Mapping of names to arrays.
            info: Anything that JSON can hold.

        Raises:
            OSError: If it cannot be written; what was kept before still is.
        """
        if self._turn is None:
            self._turn = (self._index() or {"file": 1})["file"]
        turn = 1 - self._turn
        flat = {k: np.ascontiguousarray(a) for k, a in arrays.items()}
        index = {
            "file": turn,
            "arrays": [[k, a.dtype.name, a.shape] for k, a in flat.items()],
            "sum": sum(map(_sum, flat.values())),
            "info": info,
        }
        _overwrite(self._data(turn), flat)
        _replace(self._path, json.dumps(index))
        self._turn = turn

    def read(self) -> Held | None:
        """Returns the arrays and `info`; `None` if there are none.

        Neither if a file is damaged, as after a power failure: it warns.

        Raises:
            ValueError: If there is another file at that path.
        """
        index = self._index()
        if index is None:
            return None
        try:
            arrays = _read(self._data(index["file"]), index["arrays"])
            if sum(map(_sum, arrays.values())) == index["sum"]:
                return arrays, index["info"]
        except (FileNotFoundError, ValueError):
            pass  # it is too short for a shape
        self._warn()
        return None

    def _index(self) -> dict[str, Any] | None:
        try:
            with open(self._path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        if not content.strip(b"\0"):  # as a power failure leaves files
            self._warn()
            return None
        try:
            index = json.loads(content)
        except ValueError:
            index = None
        if not isinstance(index, dict) or index.keys() != _KEYS:
            # Not one of ours, which must not be overwritten.
            fail("snapshot", "a file that `fit` wrote, or none", self._path)
        return index

    def _warn(self) -> None:
        warnings.warn(
            f"The state at {self._path} is damaged: training begins anew.",
            stacklevel=3,
        )

    def _data(self, turn: int) -> str:
        return f"{self._path}.{turn}"


def _sum(array: np.ndarray) -> int:
    """The sum of the bytes of an array, eight at a time.

    It tells old pages of a file from new ones, in a tenth of a checksum's
    time.
    """
    data = array.reshape(-1).view(np.uint8)
    words = len(data) // 8 * 8
    whole = data[:words].view(np.uint64).sum(dtype=np.uint64)
    return int(whole) + int(data[words:].sum(dtype=np.uint64))


def _read(path: str, shapes: Any) -> dict[str, np.ndarray]:
    arrays = {}
    with open(path, "rb") as file:
        for name, dtype, shape in shapes:
            array = np.fromfile(file, np.dtype(dtype), int(np.prod(shape)))
            arrays[name] = array.reshape(shape)
    return arrays


def _overwrite(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    try:
        with open(path, "r+b" if os.path.exists(path) else "wb") as file:
            for array in arrays.values():
                file.write(array.reshape(-1).view(np.uint8).data)
            file.truncate()
    except OSError:
        _remove(path)
        raise


def _replace(path: str, text: str) -> None:
    temporary = f"{path}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        _remove(temporary)
        raise


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)

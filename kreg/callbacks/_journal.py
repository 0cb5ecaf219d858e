"""Keeps what the monitor knows in a file, so that a run can be resumed."""

import json
import math
import os
from typing import IO, Any

from kreg._validation import fail
from kreg.callbacks._record import COLUMNS, Record
from kreg.reports._files import write_atomically

_MAX_BYTES = 64 * 2**20


class Journal:
    """A JSON file with the record and the best epoch, replaced every epoch.

    Its `history` holds the columns of the record, so `kreg diagnose` and
    `kreg.diagnosis.read_history` read it.

    Args:
        path: String or path ending in `.json`.

    Raises:
        ValueError: If `path` ends in anything else.
    """

    def __init__(self, path: str | os.PathLike):
        is_path = isinstance(path, (str, os.PathLike))
        if not is_path or not os.fspath(path).endswith(".json"):
            fail("record", "a path ending in `.json`", path)
        self.path = os.fspath(path)

    def write(self, record: Record, epoch: int | None, loss: float) -> None:
        """Replaces the file.

        Args:
            record: `Record`.
            epoch: Integer, the epoch of which the weights are kept, or `None`.
            loss: Float, its validation loss.
        """
        document = {
            "history": {
                name: [value if math.isfinite(value) else None for value in c]
                for name, c in record.history.items()
            },
            "diverged": sorted(record.diverged),
            "best": None if epoch is None else {"epoch": epoch, "loss": loss},
        }
        text = json.dumps(document, allow_nan=False).encode()
        directory = os.path.dirname(self.path)
        if directory:
            os.makedirs(directory, exist_ok=True)
        write_atomically(self.path, lambda file: _write(file, text))

    def read(self) -> tuple[Record, int | None, float] | None:
        """Returns what `write` was given, or `None` if there is no file.

        Raises:
            ValueError: If the file is not one that `write` made.
        """
        try:
            with open(self.path, "rb") as file:
                text = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return None
        try:
            return _parse(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError):
            fail("record", "a file that OverfitMonitor wrote", self.path)


def _write(file: IO[bytes], text: bytes) -> None:
    file.write(text)


def _parse(document: Any) -> tuple[Record, int | None, float]:
    columns = document["history"]
    lengths = {len(columns[name]) for name in COLUMNS}
    if len(lengths) != 1:
        raise ValueError
    record = Record()
    for name in COLUMNS:
        record.history[name] = [
            math.nan if value is None else _number(value)
            for value in columns[name]
        ]
    record.history["epoch"] = [int(e) for e in record.history["epoch"]]
    record.diverged = {int(_number(epoch)) for epoch in document["diverged"]}
    best = document["best"]
    if best is None:
        return record, None, math.inf
    return record, int(_number(best["epoch"])), float(_number(best["loss"]))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(value)
    return value

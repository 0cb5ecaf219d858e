"""TensorBoard event directories, as Keras and Lightning write them."""

import os
import pathlib
import struct

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._columns import find_columns, from_rows
from kreg.diagnosis._readers._limits import (
    MAX_BYTES,
    check_rows,
    malformed,
    read_bytes,
)

# What Keras's TensorBoard callback calls its runs; the tag is `epoch_loss`.
SPLITS = {"train": "loss", "validation": "val_loss"}

# A TFRecord: length, its checksum, the bytes, their checksum.
HEADER = struct.Struct("<QI")
CHECKSUM_BYTES = 4

# A scalar tensor's content, by TensorFlow's number of its dtype and size.
FORMATS = {(1, 4): struct.Struct("<f"), (2, 8): struct.Struct("<d")}


def read_events(path: pathlib.Path, files: list[pathlib.Path]) -> list[History]:
    """Reads every history below a TensorBoard log directory.

    Args:
        path: `pathlib.Path` of the directory.
        files: List of `pathlib.Path`, the event files below it.

    Returns:
        List of `History`, named by their directories.

    Raises:
        ValueError: If the files are malformed or hold no validation loss.
        ImportError: If the `tensorboard` package is not installed.
    """
    size = sum(file.stat().st_size for file in files)
    if size > MAX_BYTES:
        raise malformed(path, f"which is larger than {MAX_BYTES >> 20} MB")
    runs: dict[pathlib.Path, dict] = {}
    for folder in sorted({file.parent for file in files}):
        inside = sorted(file for file in files if file.parent == folder)
        for tag, steps in _scalars(inside).items():
            run, name = folder, tag
            if folder.name in SPLITS and tag == "epoch_loss":
                run, name = folder.parent, SPLITS[folder.name]
            rows = runs.setdefault(run, {})
            for step, value in steps.items():
                rows.setdefault(step, {"epoch": float(step)})[name] = value
    complete = {
        run: [rows[step] for step in sorted(rows)]
        for run, rows in runs.items()
        if "val_loss" in find_columns(_names(rows))
    }
    if not complete:
        raise malformed(path, "whose events hold no validation loss")
    return [
        from_rows(rows, path, _relative(run, path))
        for run, rows in complete.items()
    ]


def _names(rows):
    return dict.fromkeys(name for row in rows.values() for name in row)


def _relative(run, path):
    name = os.path.relpath(run, path)
    return "" if name in (".", "..") else name


def _scalars(files):
    """Returns `{tag: {step: value}}` of the event files of one directory."""
    event_type, decode_error = _protocol()
    scalars: dict[str, dict] = {}
    count = 0
    for file in files:
        try:
            for record in _records(file):
                event = event_type.FromString(record)
                for value in event.summary.value:
                    number = _number(value)
                    if number is not None:
                        count += 1
                        check_rows(count, file)
                        steps = scalars.setdefault(value.tag, {})
                        steps[int(event.step)] = number
        except decode_error:
            raise malformed(file, "which is corrupt") from None
    return scalars


def _protocol():
    try:
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event
    except ImportError:
        raise ImportError(
            "Reading TensorBoard event files needs the `tensorboard` package. "
            'Install it with `pip install "kreg[tensorflow]"`.'
        ) from None
    return Event, DecodeError


def _records(file):
    """Yields the records of a TFRecord file; the last may be half written."""
    data = read_bytes(file)
    position = 0
    while position + HEADER.size <= len(data):
        length, _ = HEADER.unpack_from(data, position)
        begin = position + HEADER.size
        if begin + length > len(data):
            return
        yield data[begin : begin + length]
        position = begin + length + CHECKSUM_BYTES


def _number(value):
    """The float in a summary value, or `None` if it holds another thing."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor":
        return None
    tensor = value.tensor
    for field in (tensor.float_val, tensor.double_val):
        if len(field) == 1:
            return float(field[0])
    form = FORMATS.get((tensor.dtype, len(tensor.tensor_content)))
    return form.unpack(tensor.tensor_content)[0] if form else None

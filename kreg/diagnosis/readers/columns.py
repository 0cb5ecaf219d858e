"""Which column is which curve, and how sparse rows become curves."""

import math
import re

from kreg.diagnosis.history import History
from kreg.diagnosis.readers.limits import check_rows, malformed
from kreg.diagnosis.series import shorten

# Most specific first: losses without penalties, then what each tool writes.
VAL_NAMES = (
    "val_data_loss",
    "val_loss",
    "val_loss_epoch",
    "eval_loss",
    "valid_loss",
    "validation_loss",
    "dev_loss",
)
TRAIN_NAMES = (
    "data_loss",
    "train_loss_epoch",
    "loss",
    "train_loss",
    "training_loss",
    "train_loss_step",
)
PROBE_NAMES = ("probe_loss", "train_loss_eval")


def find_names(names):
    """Returns the names of the train, validation and probe columns.

    Args:
        names: Iterable of strings.

    Returns:
        Tuple `(train, val, probe)` of strings or `None`s.
    """
    known = {}
    for name in names:
        # "val/loss", "Val Loss" and "val.loss" are all val_loss.
        known.setdefault(re.sub(r"[\W_]+", "_", name.lower()), name)
    val = _pick(VAL_NAMES, known)
    train_names = TRAIN_NAMES
    if val is not None and known.get("val_data_loss") != val:
        # A loss without penalty is compared with its like alone.
        train_names = TRAIN_NAMES[1:]
    return _pick(train_names, known), val, _pick(PROBE_NAMES, known)


def from_columns(columns, path, name=""):
    """Makes a `History` of a mapping of column name to list of values.

    Args:
        columns: Dict of lists, such as Keras's `history.history`.
        path: Where it is from, for the error.
        name: String. The run's name. Defaults to `""`.

    Returns:
        A `History`.

    Raises:
        ValueError: If there is no validation loss or it is not numbers.
    """
    lists = {k: v for k, v in columns.items() if isinstance(v, list)}
    train, val, probe = find_names(lists)
    if val is None:
        raise _no_validation(columns, path)
    check_rows(len(lists[val]), path)
    pair = [lists.get(key) for key in ("val_rise", "val_rise_se")]
    try:
        return History(
            train_loss=lists.get(train),
            val_loss=lists[val],
            epochs=_whole(lists.get("epoch")),
            probe_loss=lists.get(probe),
            val_rise=pair[0],
            val_rise_se=pair[1],
            name=str(name),
        )
    except ValueError as error:
        raise malformed(path, f"in which: {error}") from None


def from_rows(rows, path, name=""):
    """Makes a `History` of rows of which none need hold every column.

    Rows of one epoch are merged: the last validation loss counts, training
    losses are averaged. Where epochs are fractions (validation every so many
    steps) or start again, each validation is an epoch of its own.

    Args:
        rows: List of dicts of column name to float or `None`.
        path: Where they are from, for the error.
        name: String. The run's name. Defaults to `""`.

    Returns:
        A `History`.

    Raises:
        ValueError: If there is no validation loss or it is not numbers.
    """
    check_rows(len(rows), path)
    keys = dict.fromkeys(key for row in rows for key in row)
    train, val, probe = find_names(keys)
    if val is None:
        raise _no_validation(keys, path)
    epochs = _epochs_of(rows, path)
    if epochs is None:
        epochs = _number_by_validation(rows, val)
    merged = {}
    for row, epoch in zip(rows, epochs, strict=True):
        cells = merged.setdefault(epoch, {"train": [], "val": [], "probe": []})
        for column, key in (("train", train), ("val", val), ("probe", probe)):
            value = _number(row.get(key), key, path)
            if value is not None:
                cells[column].append(value)
    cells = list(merged.values())
    columns = {
        "epoch": list(merged),
        "loss": [_mean(cell["train"]) for cell in cells],
        "val_loss": [
            cell["val"][-1] if cell["val"] else None for cell in cells
        ],
        "probe_loss": [_mean(cell["probe"]) for cell in cells],
    }
    return from_columns(columns, path, name)


def _epochs_of(rows, path):
    """The epoch of every row, or `None` if rows are not in whole epochs."""
    epochs, latest = [], 0
    for row in rows:
        value = _number(row.get("epoch"), "epoch", path)
        if value is None or not value >= latest or value != math.floor(value):
            return None
        latest = int(value)
        epochs.append(latest)
    return epochs if len(set(epochs)) > 1 else None


def _number_by_validation(rows, val):
    epochs, done = [], 0
    for row in rows:
        epochs.append(done)
        done += row.get(val) is not None
    # Rows after the last validation belong to an epoch that was not finished.
    return [min(epoch, max(done - 1, 0)) for epoch in epochs]


def _mean(values):
    return math.fsum(values) / len(values) if values else None


def _number(value, key, path):
    if value is None or isinstance(value, float):
        return None if value is None or math.isnan(value) else value
    raise malformed(path, f"whose `{key}` holds {shorten(value)}")


def _whole(epochs):
    return epochs if epochs and all(x is not None for x in epochs) else None


def _pick(names, known):
    return next((known[name] for name in names if name in known), None)


def _no_validation(names, path):
    found = shorten(sorted(map(str, names)), 200)
    return malformed(
        path, f"which has no validation loss (such as `val_loss`) in {found}"
    )

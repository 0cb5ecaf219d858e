"""Which column is which curve, and how sparse rows become curves."""

import math
import os
import re
from collections.abc import Iterable

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._limits import check_rows, malformed
from kreg.diagnosis._series import shorten

# The names of each curve, the one to prefer first. Those with `data` are what
# `kreg.callbacks.OverfitMonitor` logs: losses without penalties.
NAMES = {
    "val_loss": (
        "val_data_loss",
        "val_loss",
        "val_loss_epoch",
        "eval_loss",
        "valid_loss",
        "validation_loss",
        "dev_loss",
        # PyTorch's own example has "Loss/train" and "Loss/test".
        "loss_val",
        "loss_valid",
        "loss_validation",
        "loss_eval",
        "test_loss",
        "loss_test",
    ),
    "train_loss": (
        "train_loss_epoch",
        "loss",
        "train_loss",
        "training_loss",
        "train_loss_step",
        "loss_train",
        "loss_training",
    ),
    "probe_loss": ("train_data_loss", "probe_loss", "train_loss_eval"),
    "penalty": ("penalty",),
    "val_rise": ("val_rise",),
    "val_rise_se": ("val_rise_se",),
}


def find_columns(names: Iterable[str]) -> dict[str, str]:
    """Returns the name of the column that holds each curve.

    Args:
        names: Iterable of strings.

    Returns:
        Dict of curve, as in `NAMES`, to column name.
    """
    known: dict[str, str] = {}
    for name in names:
        # "val/loss", "Val Loss" and "val.loss" are all val_loss.
        known.setdefault(re.sub(r"[\W_]+", "_", name.strip().lower()), name)
    found = {
        curve: next((known[alias] for alias in aliases if alias in known), None)
        for curve, aliases in NAMES.items()
    }
    return {curve: name for curve, name in found.items() if name is not None}


def from_columns(
    columns: dict, path: os.PathLike, name: object = ""
) -> History:
    """Makes a `History` of a mapping of column name to list of values.

    Args:
        columns: Dict of lists, such as Keras's `history.history`.
        path: Where it is from, for the error.
        name: The run's name. Defaults to `""`.

    Returns:
        A `History`.

    Raises:
        ValueError: If there is no validation loss or it is not numbers.
    """
    lists = {k: v for k, v in columns.items() if isinstance(v, list)}
    found = find_columns(lists)
    if "val_loss" not in found:
        raise no_validation(columns, path)
    curves = {curve: lists[column] for curve, column in found.items()}
    count = max(map(len, curves.values()))
    check_rows(count, path)
    # Keras with `validation_freq=n` keeps every n-th epoch without gaps.
    curves = {curve: _spread(curves[curve], count) for curve in curves}
    penalty = curves.pop("penalty", None)
    try:
        if penalty is not None and _has_penalty(found):
            curves["train_loss"] = _minus(curves["train_loss"], penalty)
        train = curves.pop("train_loss", None)
        epochs = lists.get("epoch") or None
        return History(train, epochs=epochs, name=str(name), **curves)
    except (TypeError, ValueError) as error:
        raise malformed(path, f"in which: {error}") from None


def from_rows(
    rows: list[dict], path: os.PathLike, name: object = ""
) -> History:
    """Makes a `History` of rows of which none need hold every column.

    Rows of one epoch are merged: training losses are averaged, of the others
    the last counts. Where no validation is of an epoch that has a training
    loss, it gets those since the validation before. Where epochs are fractions
    (validation every so many steps) or start again from the first, each
    validation is an epoch of its own. Where they go back to a later one the
    run was resumed, and what it did again replaces what it had done.

    Args:
        rows: List of dicts of column name to float or `None`.
        path: Where they are from, for the error.
        name: The run's name. Defaults to `""`.

    Returns:
        A `History`.

    Raises:
        ValueError: If there is no validation loss or it is not numbers.
    """
    check_rows(len(rows), path)
    keys = dict.fromkeys(key for row in rows for key in row)
    found = find_columns(keys)
    if "val_loss" not in found:
        raise no_validation(keys, path)
    rows = _without_redone(rows)
    epochs = _epochs_of(rows, path)
    if epochs is None:
        epochs = _number_by_validation(rows, found["val_loss"])
    merged: dict[int, dict[str, list[float]]] = {}
    for row, epoch in zip(rows, epochs, strict=True):
        cells = merged.setdefault(epoch, {curve: [] for curve in found})
        for curve, column in found.items():
            value = _number(row.get(column), column, path)
            if value is not None:
                cells[curve].append(value)
    if "train_loss" in found:
        merged = _joined(merged)
    columns = {
        found[curve]: [_merge(curve, cells[curve]) for cells in merged.values()]
        for curve in found
    }
    return from_columns({**columns, "epoch": list(merged)}, path, name)


def no_validation(names: Iterable[str], path: os.PathLike) -> ValueError:
    """Returns the error for a file of other columns than are looked for."""
    found = shorten(sorted(map(str, names)), 200)
    return malformed(
        path, f"which has no validation loss (such as `val_loss`) in {found}"
    )


def _joined(merged):
    """Gives each validation what was trained since the one before.

    Only where none has a training loss of its own: where both losses are
    logged every so many steps, but not after the same ones.
    """
    validated = [cells for cells in merged.values() if cells["val_loss"]]
    if any(cells["train_loss"] for cells in validated):
        return merged
    joined, since = {}, []
    for epoch, cells in merged.items():
        since += cells["train_loss"]
        if cells["val_loss"]:
            joined[epoch] = {**cells, "train_loss": since}
            since = []
    return joined or merged


def _merge(curve, values):
    if not values:
        return None
    if curve == "train_loss":
        return sum(values) / len(values)
    return values[-1]


def _has_penalty(found):
    """Whether the two losses differ in that one contains the penalties."""
    names = found["val_loss"], found.get("train_loss")
    return names == ("val_data_loss", "loss")


def _spread(values, count):
    """Puts the values of every so many epochs at the epochs they are of."""
    every = count // len(values) if values else 0
    if every < 2 or count // every != len(values):
        return values
    spread = [None] * count
    spread[every - 1 :: every] = values
    return spread


def _minus(losses, penalties):
    return [
        None if loss is None or penalty is None else loss - penalty
        for loss, penalty in zip(losses, penalties, strict=True)
    ]


def _without_redone(rows):
    """The rows that were not done again after an interruption."""
    kept: list[dict] = []
    first, latest = math.inf, -math.inf
    for row in rows:
        epoch = row.get("epoch")
        if isinstance(epoch, float):
            if first < epoch < latest:
                while not _is_before(kept[-1], epoch):
                    kept.pop()
            first, latest = min(first, epoch), epoch
        kept.append(row)
    return kept


def _is_before(row, epoch):
    value = row.get("epoch")
    return isinstance(value, float) and value < epoch


def _epochs_of(rows, path):
    """The epoch of every row, or `None` if rows are not in whole epochs."""
    epochs, latest = [], 0
    for row in rows:
        value = _number(row.get("epoch"), "epoch", path)
        if value is None or not latest <= value < math.inf or value % 1:
            return None
        latest = int(value)
        epochs.append(latest)
    return epochs if len(set(epochs)) > 1 else None


def _number_by_validation(rows, column):
    epochs, done = [], 0
    for row in rows:
        epochs.append(done)
        done += row.get(column) is not None
    # Rows after the last validation belong to an epoch that was not finished.
    return [min(epoch, max(done - 1, 0)) for epoch in epochs]


def _number(value, column, path):
    if value is None or isinstance(value, float):
        return None if value is None or math.isnan(value) else value
    raise malformed(path, f"whose `{column}` holds {shorten(value)}")

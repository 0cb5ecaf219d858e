"""What a monitor saw of a run, epoch by epoch."""

import math
from collections.abc import Mapping

from kreg.diagnosis import Verdict, diagnose

# `train_loss` is Keras's `loss` less the weight penalties at the epoch's end.
COLUMNS = (
    "epoch",
    "train_loss",
    "val_loss",
    "penalty",
    "val_data_loss",
    "train_data_loss",
    "generalization_gap",
)


class Record:
    """Columns of numbers, one row an epoch; NaN where there is none.

    Attributes:
        history: Dict of a list for each of `COLUMNS`.
        diverged: Set of the epochs whose validation loss was no number.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {name: [] for name in COLUMNS}
        # Where validation gave NaN or inf, which is not "no validation".
        self.diverged: set[int] = set()

    def forget_from(self, epoch: int) -> None:
        """Removes the rows of `epoch` and later ones."""
        kept = sum(e < epoch for e in self.history["epoch"])
        for values in self.history.values():
            del values[kept:]
        self.diverged = {e for e in self.diverged if e < epoch}

    def add(self, values: Mapping[str, float]) -> None:
        """Adds the row of an epoch; what `values` lacks is NaN."""
        for name, column in self.history.items():
            column.append(values.get(name, math.nan))
        if not math.isfinite(values.get("val_data_loss", 0.0)):
            self.diverged.add(int(values["epoch"]))

    @property
    def epochs_since_best(self) -> int:
        """How many validations came after the lowest validation loss.

        Those that gave no number count: waiting for one is waiting, too.
        """
        columns = self.history["epoch"], self.history["val_data_loss"]
        losses = [
            math.inf if epoch in self.diverged else loss
            for epoch, loss in zip(*columns, strict=True)
            if epoch in self.diverged or math.isfinite(loss)
        ]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    @property
    def has_validation(self) -> bool:
        """Whether any epoch had a validation."""
        losses = self.history["val_data_loss"]
        return bool(self.diverged) or not all(map(math.isnan, losses))

    def verdict(self, strengths: Mapping[str, float]) -> Verdict:
        """Returns the judgement of the epochs so far."""
        if not self.has_validation:
            raise RuntimeError(
                "There is no verdict yet: no epoch with validation has ended."
            )
        columns = self.history
        rows = zip(columns["epoch"], columns["val_data_loss"], strict=True)
        probe = columns["train_data_loss"]
        return diagnose(
            columns["train_loss"],
            [math.inf if e in self.diverged else loss for e, loss in rows],
            epochs=[int(epoch) for epoch in columns["epoch"]],
            probe_loss=None if all(map(math.isnan, probe)) else probe,
            strengths=dict(strengths),
        )


def val_loss_of(logs: Mapping[str, float]) -> float:
    """Returns the validation loss in the logs of an epoch that had one."""
    if "val_loss" not in logs:
        raise RuntimeError(
            "OverfitMonitor needs `val_loss` in the logs of an epoch with "
            f"validation. Available metrics are: {sorted(logs)}"
        )
    return logs["val_loss"]

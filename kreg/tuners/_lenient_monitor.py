"""`LenientMonitor`: an `OverfitMonitor` where the user wrote how to train."""

from typing import Any

from kreg.callbacks import OverfitMonitor


class LenientMonitor(OverfitMonitor):
    """A monitor that nobody may know of.

    A `HyperModel.fit` may have a training loop of its own, which calls the
    callbacks at the ends of epochs alone, or train without validation and
    evaluate later. What it leaves out, this monitor does without.
    """

    _has_begun = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Begins."""
        super().on_train_begin(logs)
        self._has_begun = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measures what `model.fit` has trained and validated."""
        if self._has_begun and logs and "val_loss" in logs:
            super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Ends, if there is something to end."""
        if self._has_begun and self.history["epoch"]:
            super().on_train_end(logs)

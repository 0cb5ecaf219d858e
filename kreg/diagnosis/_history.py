"""What a training run looks like: a value made of curves."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from kreg.diagnosis._decision import Floats, diagnose
from kreg.diagnosis._series import as_epochs, as_series
from kreg.diagnosis._verdict import Verdict


@dataclasses.dataclass(frozen=True)
class History:
    """The loss curves of one training run.

    Attributes:
        train_loss: Training loss of every epoch, `None` where missing; or
            `None`.
        val_loss: Validation loss of every epoch, `None` where missing.
        epochs: The epoch numbers, counted from 0.
        probe_loss: Training loss measured as the validation loss is, or
            `None`.
        val_rise: Mean over examples of the validation loss above its best
            epoch's, or `None`.
        val_rise_se: The standard error of `val_rise`, or `None`.
        name: String that tells the run from others. Defaults to `""`.
    """

    train_loss: Floats | None
    val_loss: Floats
    epochs: Sequence[int] | None = None
    probe_loss: Floats | None = None
    val_rise: Floats | None = None
    val_rise_se: Floats | None = None
    name: str = ""

    def __post_init__(self) -> None:
        length = as_series(self.val_loss, "val_loss").size
        epochs = tuple(as_epochs(self.epochs, length))
        object.__setattr__(self, "epochs", epochs)
        for name in (
            "train_loss",
            "val_loss",
            "probe_loss",
            "val_rise",
            "val_rise_se",
        ):
            value = getattr(self, name)
            if value is not None:
                array = as_series(value, name, length)
                # None rather than NaN, so that equal histories are equal.
                values = (None if math.isnan(x) else x for x in array.tolist())
                object.__setattr__(self, name, tuple(values))

    def diagnose(
        self, *, strengths: Mapping[str, float] | None = None
    ) -> Verdict:
        """Returns the `Verdict` on this run; see `kreg.diagnosis.diagnose`.

        Args:
            strengths: Dict of path to current value; makes the advice
                concrete. Defaults to `None`.

        Returns:
            A `Verdict`.
        """
        return diagnose(
            self.train_loss,
            self.val_loss,
            epochs=self.epochs,
            probe_loss=self.probe_loss,
            val_rise=self.val_rise,
            val_rise_se=self.val_rise_se,
            strengths=strengths,
        )

"""Which part of the losses that Keras logs is penalty."""

import warnings
from typing import Any

from kreg.callbacks import _own_steps, _penalties
from kreg.callbacks._probe import Probe
from kreg.callbacks._validation_tap import ValidationTap


class LossParts:
    """Finds what is to be subtracted from the losses of a model.

    Keras adds every penalty to `loss` and `val_loss`. A `test_step` or
    `compute_loss` of the user's own may leave them out, or some of them: which
    it does is tried on one batch, once a `fit`.
    """

    def __init__(self) -> None:
        self._tap = ValidationTap()

    def begin(self, model: Any) -> None:
        """Looks at the model that `fit` trains."""
        self._weights = True
        self._activity = _penalties.has_activity_penalty(model)
        self._is_unknown = _own_steps.has_own_loss(model)

    def watch(self, model: Any) -> None:
        """Sees the validation data of this epoch, if it will be needed."""
        if self._activity or self._is_unknown:
            self._tap.install(model)

    def settle(self, model: Any, probe: Probe | None, validated: bool) -> None:
        """Ends the watch; tries out a loss of the user's own."""
        self._tap.remove(model)
        if not self._is_unknown or not (validated or probe):
            return
        self._is_unknown = False
        batch = self._tap.first_batch() if probe is None else probe.batches[0]
        if batch is None:
            warnings.warn(
                "OverfitMonitor cannot tell whether the loss of this model, "
                "which has a `test_step` or `compute_loss` of its own, "
                "contains penalties, and assumes so. Pass `train_data`, or "
                "arrays or a dataset as `validation_data`.",
                stacklevel=2,
            )
            return
        self._weights = _own_steps.adds_weight_penalties(model, batch)
        if self._activity:
            self._activity = _own_steps.adds_activity_penalties(model, batch)

    def of_weights(self, penalty: float) -> float:
        """Returns what of `penalty`, that of the weights, is in the losses."""
        return penalty if self._weights else 0.0

    def of_validation(self, model: Any, penalty: float) -> float:
        """Returns the penalty in `val_loss`."""
        return self.of_weights(penalty) + self._activities(model, self._tap)

    def of_probe(self, model: Any, penalty: float, probe: Probe) -> float:
        """Returns the penalty in the loss of the probe."""
        return self.of_weights(penalty) + self._activities(model, probe)

    def _activities(self, model: Any, data: Probe | ValidationTap) -> float:
        if not self._activity:
            return 0.0
        return _penalties.activity_penalty(model, data.inputs)

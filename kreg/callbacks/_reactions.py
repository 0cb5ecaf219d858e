"""What the monitor does when it finds that a run overfits."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

from kreg._validation import check_count, fail
from kreg.diagnosis import Verdict

WORDS = ("warn", "stop", "restore_best")

_EXPECTED = (
    '"warn", "stop", "restore_best", a function of the verdict, or a list of '
    "these"
)


@dataclasses.dataclass(frozen=True)
class StoppedBecause:
    """Why, and when, the monitor ended a run.

    Attributes:
        reason: String, a verdict's status: `"overfitting"`.
        epoch: Integer, the last epoch that was trained, counted from 0.
        best_epoch: Integer, the epoch whose model to keep.
        onset_epoch: Integer, since when the run overfits.
        confidence: Float in [0, 1], the probability that this is right.
        verdict: `Verdict` at that epoch.
    """

    reason: str
    epoch: int
    best_epoch: int | None
    onset_epoch: int | None
    confidence: float
    verdict: Verdict


class Reactions:
    """What to do at each epoch in which a run becomes one that overfits.

    Args:
        on_overfit: A word of `WORDS`, a callable, a list or tuple of these, or
            `None`.
        patience: Integer >= 1. How many validations must have passed since
            the lowest loss.

    Attributes:
        stopped_because: `StoppedBecause`, or `None`.

    Raises:
        ValueError: If an argument is anything else.
    """

    def __init__(self, on_overfit: Any, patience: Any):
        self._reactions = _as_tuple(on_overfit)
        self._patience = check_count(patience, "patience")
        self.begin()

    def __contains__(self, word: str) -> bool:
        return word in self._reactions

    def begin(self) -> None:
        """Forgets the last `fit`."""
        self._has_warned = False
        self._was_overfitting = False
        self.stopped_because: StoppedBecause | None = None

    def react(
        self, waited: int, judge: Callable[[], Verdict], model: Any, epoch: int
    ) -> None:
        """Acts if the run now overfits and did not at the last call.

        Args:
            waited: Integer >= 0, validations since the lowest loss.
            judge: Function that returns the verdict on the curve so far; not
                called where it cannot matter, since it takes its time.
            model: The model that `fit` trains.
            epoch: Integer, counted from 0.
        """
        was, self._was_overfitting = self._was_overfitting, False
        if not self._reactions or waited < self._patience:
            return
        verdict = judge()
        self._was_overfitting = verdict.overfitting
        if was or not verdict.overfitting:
            return
        for reaction in self._reactions:
            if callable(reaction):
                reaction(verdict)
            elif reaction == "warn" and not self._has_warned:
                self._has_warned = True
                warnings.warn(f"OverfitMonitor: {verdict}", stacklevel=2)
            elif reaction == "stop":
                model.stop_training = True
                self.stopped_because = StoppedBecause(
                    reason=verdict.status,
                    epoch=epoch,
                    best_epoch=verdict.best_epoch,
                    onset_epoch=verdict.onset_epoch,
                    confidence=verdict.confidence,
                    verdict=verdict,
                )


def _as_tuple(on_overfit: Any) -> tuple[Any, ...]:
    if on_overfit is None:
        return ()
    is_list = isinstance(on_overfit, (list, tuple))
    given = on_overfit if is_list else [on_overfit]
    for one in given:
        if not (callable(one) or (isinstance(one, str) and one in WORDS)):
            fail("on_overfit", _EXPECTED, on_overfit)
    return tuple(given)

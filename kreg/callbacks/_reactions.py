"""What the monitor does when it finds that a run overfits."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

from kreg._validation import check_count, fail
from kreg.callbacks._stopping import LARGEST_FACTOR, worth_of_wait
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
        reason: String, `"overfitting"`, `"diverged"` or `"no improvement"`.
        epoch: Integer, the last epoch that was trained, counted from 0.
        best_epoch: Integer, the epoch whose model to keep.
        onset_epoch: Integer, since when the run overfits, or `None`.
        confidence: Float in [0, 1], the probability that the verdict is right
            about overfitting.
        verdict: `Verdict` at that epoch.
    """

    reason: str
    epoch: int
    best_epoch: int | None
    onset_epoch: int | None
    confidence: float
    verdict: Verdict


class Reactions:
    """What to do about a run that overfits.

    Args:
        on_overfit: A word of `WORDS`, a callable, a list or tuple of these, or
            `None`.
        patience: Integer >= 1. How much the wait since the lowest loss must
            count for; see `worth_of_wait`.

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
        self._overfits = False
        self._resumed_with: Verdict | None = None
        self.stopped_because: StoppedBecause | None = None

    def resume(self, waited: int, judge: Callable[[], Verdict]) -> None:
        """Goes on from what was recorded before: old news is not told again."""
        verdict = self._verdict(waited, judge)
        self._overfits = verdict is not None and verdict.overfitting
        self._has_warned = self._overfits
        self._resumed_with = verdict

    def should_have_stopped(self, epoch: int) -> bool:
        """Whether `fit` resumes although it was to end.

        Args:
            epoch: Integer, the last epoch that was recorded.
        """
        if "stop" not in self or self._resumed_with is None:
            return False
        self._note_stop(self._resumed_with, epoch)
        return True

    def react(
        self, waited: int, judge: Callable[[], Verdict], model: Any, epoch: int
    ) -> None:
        """Acts if the wait since the lowest loss counts for enough.

        Args:
            waited: Integer >= 0, validations since the lowest loss.
            judge: Function that returns the verdict; not called where it
                cannot matter, since it takes its time.
            model: The model that `fit` trains.
            epoch: Integer, counted from 0.
        """
        verdict = self._verdict(waited, judge)
        did, self._overfits = self._overfits, False
        if verdict is None:
            return
        self._overfits = verdict.overfitting
        if verdict.overfitting and not did:
            self._tell(verdict)
        if "stop" in self:
            self._stop(verdict, model, epoch)

    def _verdict(
        self, waited: int, judge: Callable[[], Verdict]
    ) -> Verdict | None:
        if not self._reactions or waited * LARGEST_FACTOR < self._patience:
            return None
        verdict = judge()
        enough = worth_of_wait(waited, verdict) >= self._patience
        return verdict if enough else None

    def _tell(self, verdict: Verdict) -> None:
        for reaction in self._reactions:
            if callable(reaction):
                reaction(verdict)
            elif reaction == "warn" and not self._has_warned:
                self._has_warned = True
                warnings.warn(f"OverfitMonitor: {verdict}", stacklevel=2)

    def _stop(self, verdict: Verdict, model: Any, epoch: int) -> None:
        model.stop_training = True
        self._note_stop(verdict, epoch)

    def _note_stop(self, verdict: Verdict, epoch: int) -> None:
        is_told = verdict.status in ("overfitting", "diverged")
        reason = verdict.status if is_told else "no improvement"
        self.stopped_because = StoppedBecause(
            reason=reason,
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

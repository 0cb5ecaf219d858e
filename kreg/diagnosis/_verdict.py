"""The answer: a value that can be compared, printed and stored."""

import dataclasses
import fnmatch
import html
import json
import math
import numbers
from collections.abc import Mapping

STATUSES = (
    "healthy",
    "underfitting",
    "still improving",
    "plateau",
    "overfitting",
    "diverged",
    "too short to tell",
    "noise too large to tell",
)


@dataclasses.dataclass(frozen=True)
class Advice:
    """One thing to change, and why.

    Attributes:
        text: The change in a few words, such as `"L2 x3"`.
        strength: `fnmatch` pattern of the paths of the strengths it is about;
            empty if it is about none.
        direction: `"up"`, `"down"` or `"none"`.
        factor: Float the strengths are to be multiplied by, or `None`.
        why: The reason, a sentence.
        value: Float; where the advice is to raise strengths, the least each
            should come to, so it is also what to begin with where there is
            none. Defaults to `None`.
    """

    text: str
    strength: str
    direction: str
    factor: float | None
    why: str
    value: float | None = None

    def apply(self, strengths: Mapping[str, float]) -> dict[str, float]:
        """Returns the new values of the strengths that the advice is about.

        Args:
            strengths: Mapping of path to current value.

        Returns:
            Dict of path to new value, for `kreg.set_strengths`; empty where
            the advice is about none of them.

        Example:
        >>> from kreg.diagnosis import Advice
        >>> advice = Advice("L2 x3", "*/l2", "up", 3.0, "Because.", 1e-3)
        >>> advice.apply({"a/l2": 1e-2, "b/l2": 0.0, "c/rate": 0.5})
        {'a/l2': 0.03, 'b/l2': 0.001}
        """
        if not self.strength:
            return {}
        return {
            path: max(
                strengths[path] * (1.0 if self.factor is None else self.factor),
                0.0 if self.value is None else self.value,
            )
            for path in fnmatch.filter(strengths, self.strength)
        }


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a training run shows, since when, and what to do about it.

    Attributes:
        status: One of `STATUSES`.
        overfitting: Whether the run overfits.
        best_epoch: The epoch whose model to keep, or `None`.
        onset_epoch: The epoch from which on the validation loss stays above
            its best level; `None` unless the run overfits.
        gap: Validation loss minus training loss at the end (the probe's if
            there is one), or `None`.
        relative_rise: How far the validation loss at the end lies above its
            best level, relative to that level (where losses are not
            positive, to how far the loss ranged), or `None`.
        confidence: Probability in [0, 1] that `overfitting` is right.
        evidence: Dict of the numbers the verdict rests on.
        advice: Tuple of `Advice`, the most useful first.
    """

    status: str
    overfitting: bool
    best_epoch: int | None
    onset_epoch: int | None
    gap: float | None
    relative_rise: float | None
    confidence: float
    # A dict has no hash; the other fields tell verdicts apart well enough.
    evidence: dict = dataclasses.field(hash=False)
    advice: tuple = ()

    def __str__(self) -> str:
        if self.onset_epoch is None:
            best = "" if self.best_epoch is None else f"epoch {self.best_epoch}"
            parts = [self.status + (f" (best {best})" if best else "")]
        else:
            parts = [
                f"{self.status} since epoch {self.onset_epoch} "
                f"(best epoch {self.best_epoch})"
            ]
        if self.gap is not None:
            parts.append(f"gap {self.gap:.2g}")
        if self.advice:
            texts = [advice.text for advice in self.advice[:2]]
            parts.append("try " + " or ".join(texts))
        return "; ".join(parts)

    def explain(self) -> str:
        """Returns a paragraph: what was seen, how sure, and what to do."""
        from kreg.diagnosis._explanation import explain

        return explain(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<li><b>{html.escape(advice.text)}</b>: "
            f"{html.escape(advice.why)}</li>"
            for advice in self.advice
        )
        steps = f"<ul>{rows}</ul>" if rows else ""
        return (
            f"<div><p><b>{html.escape(str(self))}</b></p>"
            f"<p>{html.escape(self.explain())}</p>{steps}</div>"
        )

    def to_json(self) -> str:
        """Returns the verdict as a JSON object in a string."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Returns the verdict that `to_json` wrote.

        Args:
            text: String.

        Returns:
            A `Verdict`.

        Raises:
            ValueError: If `text` is not what `to_json` writes.
        """
        try:
            fields = json.loads(text)
            advice = tuple(Advice(**item) for item in fields.pop("advice"))
            verdict = cls(**fields, advice=advice)
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ):
            raise _malformed(text) from None
        if not _is_well_formed(verdict):
            raise _malformed(text)
        return verdict


def _is_well_formed(verdict):
    optional = (verdict.best_epoch, verdict.onset_epoch)
    numbers_or_none = (verdict.gap, verdict.relative_rise)
    return (
        verdict.status in STATUSES
        and isinstance(verdict.overfitting, bool)
        and all(x is None or _is_number(x, int) for x in optional)
        and all(x is None or _is_number(x) for x in numbers_or_none)
        and _is_number(verdict.confidence)
        and 0 <= verdict.confidence <= 1
        and isinstance(verdict.evidence, dict)
        and all(_is_number(x) for x in verdict.evidence.values())
        and all(_is_advice(x) for x in verdict.advice)
    )


def _is_advice(advice):
    texts = (advice.text, advice.strength, advice.direction, advice.why)
    return all(isinstance(text, str) for text in texts) and all(
        x is None or _is_number(x) for x in (advice.factor, advice.value)
    )


def _is_number(value, kind=numbers.Real):
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _malformed(text):
    received = repr(text)
    if len(received) > 80:
        received = received[:77] + "..."
    return ValueError(
        "Invalid value for argument `text`. Expected the JSON object that "
        f"`Verdict.to_json` writes. Received: text={received}"
    )

"""A verdict in whole sentences."""

from kreg.diagnosis._verdict import Verdict

OPENINGS = {
    "healthy": "The run is healthy: it ends near its best validation loss.",
    "underfitting": "The run underfits: neither loss fell by much.",
    "still improving": "The validation loss is still falling at the end.",
    "plateau": "The validation loss has stopped falling but does not rise.",
    "overfitting": "The run overfits.",
    "diverged": "The run diverged: the loss blew up.",
    "too short to tell": "The run is too short to tell.",
    "noise too large to tell": "The validation loss is too noisy to tell.",
}

# Of a run that cannot be judged there is nothing to be right about.
UNDECIDED = ("too short to tell", "noise too large to tell")


def explain(verdict: Verdict) -> str:
    """Returns a paragraph: what was seen, how sure, and what to do."""
    sentences = [OPENINGS[verdict.status]]
    if verdict.best_epoch is not None:
        sentences.append(
            f"The best validation loss was at epoch {verdict.best_epoch}."
        )
    if verdict.onset_epoch is not None:
        of = " of its range" if "rise_of_range" in verdict.evidence else ""
        sentences.append(
            f"From epoch {verdict.onset_epoch} on it stays above that and "
            f"ends {verdict.relative_rise:.0%}{of} higher."
        )
    if verdict.gap is not None:
        sentences.append(
            "At the end the validation loss minus the training loss is "
            f"{verdict.gap:.3g}."
        )
    if verdict.evidence.get("hump_undone", 0) >= 0.5:
        sentences.append(
            "The curve rose in the middle and fell again, as in epoch-wise "
            "double descent."
        )
    if verdict.status not in UNDECIDED:
        says = "overfits" if verdict.overfitting else "does not overfit"
        sentences.append(
            f"That it {says} is right with a probability of about "
            f"{verdict.confidence:.0%}."
        )
    if verdict.advice:
        texts = ", ".join(advice.text for advice in verdict.advice)
        order = ", in this order" if len(verdict.advice) > 1 else ""
        sentences.append(f"What to try{order}: {texts}.")
    return " ".join(sentences)

"""How much a wait for a lower validation loss counts."""

from kreg.diagnosis import Verdict

# Chosen on 4031 runs on nine data sets (made by `benchmarks/histories.py`, and
# shared with the project), scored as `benchmarks/stopping.py` does: at every
# patience from 3 to 50 the regret at equally many epochs saved is below
# `EarlyStopping`'s, in the mean by three tenths. With none of this it would be
# the same rule.

# Epochs until which a validation loss that does not fall says less than later:
# losses often rise before they fall. 10: 5 % more regret where patience is
# short; 30: 3 % more where it is 10.
EARLY = 20

# A wait is worth less where epochs differ by noise, its standard deviation
# (relative to the loss) times this. 1: 2 % more regret.
NOISE_WEIGHT = 3.0
MOST_NOISE = 1.0

# ... and more where the run overfits, by its log odds times this. 0.3: 4 %
# more regret, all of it where patience is long; 1: more where it is 10.
SCORE_WEIGHT = 0.6
LARGEST_SCORE = 2.0

# No wait is worth more than this times itself.
LARGEST_FACTOR = 1.0 + SCORE_WEIGHT * LARGEST_SCORE


def worth_of_wait(waited: int, verdict: Verdict) -> float:
    """Returns how long a wait counts for, in validations.

    It is

        waited * min(epochs / EARLY, 1) * (1 + SCORE_WEIGHT * score)
            / (1 + NOISE_WEIGHT * noise)

    with `score` (at least 0) and `noise` from the evidence of the verdict: a
    patience that is longer early in a run and in noise, and shorter the more
    the run overfits.

    Args:
        waited: Integer >= 0, validations since the lowest loss.
        verdict: `Verdict` on the curve so far.

    Returns:
        Float >= 0.
    """
    if verdict.status == "too short to tell":
        return 0.0
    evidence = verdict.evidence
    early = min(evidence["epochs"] / EARLY, 1.0)
    score = min(max(evidence.get("score", 0.0), 0.0), LARGEST_SCORE)
    noise = min(evidence.get("noise", 0.0), MOST_NOISE)
    return (
        waited
        * early
        * (1.0 + SCORE_WEIGHT * score)
        / (1.0 + NOISE_WEIGHT * noise)
    )

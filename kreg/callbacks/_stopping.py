"""How much a wait for a lower validation loss counts."""

import math

from kreg.diagnosis import Verdict

# Chosen on 1612 runs on nine data sets (made by `benchmarks/histories.py`, and
# shared with the project), scored as `benchmarks/stopping.py` does: at every
# patience from 3 to 50 the regret at equally many epochs saved is below
# `EarlyStopping`'s, in the mean by a third; on 869 runs of the same kind made
# afterwards, by a quarter. Chosen anew for each data set on the others, from 67
# combinations, it is three tenths. With none of this it would be the same rule.

# All of the below makes most waits worth less than they are. This makes up for
# it, so that a patience of 5 to 20 saves about as many epochs as that of
# `EarlyStopping` does, and one of 1 as many as `EarlyStopping(3)`.
UNIT = 1.5

# Epochs until which a validation loss that does not fall says less than later:
# losses often rise before they fall. By the square root of the share: 12 to 30
# and powers from a half to one differ by less than 3 % of the regret.
EARLY = 20

# A wait is worth less where epochs differ by noise, its standard deviation
# (relative to the loss) times this. 3: 7 % more regret; 15: as much as here,
# but then short patiences save too few epochs.
NOISE_WEIGHT = 9.0
MOST_NOISE = 1.0

# ... and less while the last quarter of the curve still falls, more where it
# rises: by three tenths from a change of a tenth on. 0: 10 % more regret.
FALL_WEIGHT = 0.3
FALL_SCALE = 0.1

# ... and more where the run overfits, by its log odds times this. 0.3: 4 %
# more regret, all of it where patience is long.
SCORE_WEIGHT = 0.6
LARGEST_SCORE = 2.0

# This only by and by, in full after so many validations: runs that look worst
# five epochs after a minimum often find a lower one. At once: 6 % more regret.
LONG_WAIT = 40

# No wait is worth more than this times itself.
LARGEST_FACTOR = (
    UNIT * (1.0 + FALL_WEIGHT) * (1.0 + SCORE_WEIGHT * LARGEST_SCORE)
)


def worth_of_wait(waited: int, verdict: Verdict) -> float:
    """Returns how long a wait counts for, in validations.

    It is

        UNIT * waited * sqrt(min(epochs / EARLY, 1))
            * (1 - FALL_WEIGHT * fall / FALL_SCALE)
            * (1 + SCORE_WEIGHT * score * min(waited / LONG_WAIT, 1))
            / (1 + NOISE_WEIGHT * noise)

    with `score` (at least 0), `noise` and `fall` (at most `FALL_SCALE` in
    size) from the evidence of the verdict: a patience that is longer early in
    a run, in noise and while the curve falls, and shorter the more the run
    overfits. Of a loss that is no number any more there is none, and it is
    `UNIT * waited`.

    Args:
        waited: Integer >= 0, validations since the lowest loss.
        verdict: `Verdict` on the curve so far.

    Returns:
        Float >= 0.
    """
    if verdict.status == "too short to tell":
        return 0.0
    evidence = verdict.evidence
    if "score" not in evidence:  # the loss is no number any more
        return UNIT * waited
    early = math.sqrt(min(evidence["epochs"] / EARLY, 1.0))
    score = min(max(evidence.get("score", 0.0), 0.0), LARGEST_SCORE)
    noise = min(evidence.get("noise", 0.0), MOST_NOISE)
    fall = evidence.get("fall", 0.0) / FALL_SCALE
    return (
        UNIT
        * waited
        * early
        * (1.0 - FALL_WEIGHT * min(max(fall, -1.0), 1.0))
        * (1.0 + SCORE_WEIGHT * score * min(waited / LONG_WAIT, 1.0))
        / (1.0 + NOISE_WEIGHT * noise)
    )

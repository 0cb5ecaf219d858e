"""Every number the decision rests on, with its reason and its sensitivity.

Two words: the *level* is the smoothed validation loss at its best epoch, and a
*rise* is relative to the level, so none of this has the unit of a loss.

Sensitivity is the macro-F1 at other values, the mean over three collections of
labelled runs (240 on digits, 218 on breast_cancer, 646 on seven synthetic
tasks, with other sizes, optimizers and learning-rate schedules). At the values
below it is 0.852, of which 0.01 is about one standard error. The best bare
rule, a last loss above 1.1 times the lowest, reaches 0.852 as well: with such
small validation sets little more can be known. Where nothing is said it moved
by less than 0.002 between about half and twice the value: those constants are
there for what such runs seldom show (cycles, spikes, double descent) and are
held by tests of scripted curves instead.
"""

# --- what is looked at -----------------------------------------------------

# Shorter runs hold no curve. Five points are the fewest in which a minimum
# can have two neighbours on both sides.
MIN_EPOCHS = 5

# Half-width of the averaging window around epoch i, as a fraction of i. It
# depends on the position alone, never on the length of the run, so cutting a
# curve does not change what was seen before the cut. Wider misses narrow
# minima, narrower follows noise. 0.05: 0.851, 0.15: 0.845, 0.2: 0.842.
WINDOW_FRACTION = 0.1

# Wider windows add no precision that matters, and cost time.
MAX_HALF_WINDOW = 50

# The last fifth of the run is its end: long enough that neither one bad epoch
# nor the phase of a cycle decides. 0.1: 0.847, 0.15: 0.852, 0.3: 0.849.
TAIL_FRACTION = 0.2

END_FRACTION = 0.1

# The fewest epochs that can outvote one spike.
MIN_TAIL = 3

# --- overfitting -----------------------------------------------------------

# Smallest rise that is worth a name. People call 5 % material; the end of a
# curve is averaged over its tail and its best level is the lowest of many,
# which moves the equal-error point a little up.
# 0.04: 0.841, 0.05: 0.848, 0.06: 0.847, 0.08: 0.842, 0.1: 0.839.
RISE_FLOOR = 0.07

LAST_LIMIT = 0.1
LOWEST_LUCK = 0.55
FIRST_FALL = 5

# A best epoch in the last tenth of the run is the end of the run.
LATEST_BEST = 0.9

# The onset is where a tenth of the final rise is left behind for good.
ONSET_SHARE = 0.1

# --- what is not overfitting although the loss rose ------------------------

# A run that came back from a stay above half of the present rise, two thirds
# as long as the present stay, may come back from this one too.
RECOVERY_SHARE = 2 / 3

# The running mean in which such stays are looked for, as a share of the run:
# wide enough not to be ended by noise, narrower than the trough of a cycle.
RECOVERY_WIDTH = 0.05

RISE_ERRORS = 1.0

# A rise in the middle has to be this high to be a hump of double descent:
# twice the smallest rise worth a name.
HUMP_FLOOR = 0.14

# With half of the rise undone the second descent is under way.
HUMP_UNDONE = 0.5

# A training loss that ends nearer to its highest level than to its lowest is
# not fitting anything. Without this clause: 0.855 (two diverged runs count as
# overfit in the labels, which look at the test loss alone).
DIVERGED_SHARE = 0.5

# --- the other statuses (no effect on the score) ---------------------------

# Smallest fall over the last quarter of the run that counts as improvement:
# half of the smallest rise worth a name.
FALL_FLOOR = 0.035

# A standard error of the rise five times the smallest rise worth a name.
NOISE_LIMIT = 0.35

# A run that lowered neither loss by a tenth has learned next to nothing.
GAIN_FLOOR = 0.1

SET_ERROR = 0.12
NOISE_WEIGHT = 2.0
SCORE = (-0.3, 2.5, -1.1)
SCORE_PAIRED = (-0.4, 1.9, -1.1, 1.0)

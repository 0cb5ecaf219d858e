"""Every number the decision rests on, with its reason and its sensitivity.

Two words: the *level* is the best validation loss, freed of what noise alone
takes off the lowest of many, and a *rise* is relative to the level, so none of
this has the unit of a loss.

Sensitivity is the macro-F1 at other values, over 2080 labelled runs on nine
data sets (two of them real and shared with the project, the rest made by
`benchmarks/histories.py`: images, tables and regression; dense, convolutional
and recurrent nets; three learning-rate schedules; 10 to 200 epochs). `SCORE` is
fitted anew for each data set on the others. At the values below it is 0.857, of
which 0.008 is one standard error; the best bare rule, a last loss above 1.1
times the lowest, reaches 0.863, a random forest on twenty numbers 0.858: with
validation sets this small little more can be known. Where nothing is said it
moved by less than 0.003 between about half and twice the value: those constants
are there for what such runs seldom show (cycles, spikes, double descent) and
are held by tests of scripted curves instead.
"""

# --- what is looked at -----------------------------------------------------

# Shorter runs hold no curve. Five points are the fewest in which a minimum
# can have two neighbours on both sides.
MIN_EPOCHS = 5

# Half-width of the averaging window around epoch i, as a fraction of i. It
# depends on the position alone, never on the length of the run, so cutting a
# curve does not change what was seen before the cut. Wider misses narrow
# minima, narrower follows noise.
WINDOW_FRACTION = 0.1

# Wider windows add no precision that matters, and cost time.
MAX_HALF_WINDOW = 50

# The last fifth of the run is its end: long enough that neither one bad epoch
# nor the phase of a cycle decides.
TAIL_FRACTION = 0.2

# The fewest epochs that can outvote one spike.
MIN_TAIL = 3

# What the end has come to is judged by the last tenth, as a rise that goes on
# is diluted by more, and within that by the last epoch, but only as far as
# LAST_LIMIT of the level from the mean: epochs of real runs are noisy because
# the weights are, and then the last one tells the most. At LAST_LIMIT = 0,
# the mean alone, 0.851; at 0.3 a single spike at the end counts as overfitting.
END_FRACTION = 0.1
LAST_LIMIT = 0.1

# The lowest of n noisy values lies sqrt(2 log n) standard deviations below
# their mean; a running median of three has about this share of their
# deviation. Without it flat curves of 60 epochs with 10 % noise alarm in 0.4
# of all cases instead of 0.1.
LOWEST_LUCK = 0.55

# Both losses fall in the first fifth (one over this) of a run, whatever
# comes after.
FIRST_FALL = 5

# --- overfitting -----------------------------------------------------------

# Smallest rise that is worth a name. People call 5 % material; the level is
# the lowest of many, which moves the equal-error point a little up.
RISE_FLOOR = 0.07

# What a smooth validation curve's rise is typically off by, the set being
# finite, in log units. 0.2: 0.854.
SET_ERROR = 0.12

# How much the noise between epochs adds to that, in its standard deviations.
# No noise at all is worth 0.002 more here, where noise is mostly that of the
# weights; but on flat curves of 60 epochs with 20 % noise, 0 alarms 0.48 of the
# time, 2 alarms 0.31.
NOISE_WEIGHT = 2.0

# The log odds of overfitting are SCORE[0] + SCORE[1] * tanh(excess / error) +
# SCORE[2] * agreement. Fitted by logistic regression, every data set weighing
# the same (-0.63, 2.8, -0.87), then rounded, the constant raised for a share
# of one half in place of the runs' third, and a little weight moved to the
# agreement, which is what people look at. So a rise of 3 % is enough where
# the losses part all the time, and 17 % are needed where they move alike.
# Without the agreement: 0.850.
SCORE = (-0.3, 2.5, -1.1)

# A standard error of the rise five times the smallest rise worth a name ...
NOISE_LIMIT = 0.35

# ... and larger than the rise hides everything.
RISE_ERRORS = 1.0

# The onset is where a tenth of the final rise is left behind for good.
ONSET_SHARE = 0.1

# --- what is not overfitting although the loss rose ------------------------

# A run that came back from a stay above half of the present rise, two thirds
# as long as the present stay, may come back from this one too.
RECOVERY_SHARE = 2 / 3

# The running mean in which such stays are looked for, as a share of the run:
# wide enough not to be ended by noise, narrower than the trough of a cycle.
RECOVERY_WIDTH = 0.05

# A rise in the middle has to be this high to be a hump of double descent:
# twice the smallest rise worth a name.
HUMP_FLOOR = 0.14

# With half of the rise undone the second descent is under way; once all of it
# is undone the descent is over.
HUMP_UNDONE = 0.5

# A training loss that ends nearer to its highest level than to its lowest is
# not fitting anything. (Two such runs count as overfit in the labels, which
# look at the test loss alone.)
DIVERGED_SHARE = 0.5

# --- the other statuses (no effect on the score) ---------------------------

# Smallest fall over the last quarter of the run that counts as improvement:
# half of the smallest rise worth a name.
FALL_FLOOR = 0.035

# A run that lowered neither loss by a tenth has learned next to nothing.
GAIN_FLOOR = 0.1

# --- confidence where the paired series are known --------------------------

# They do not move the verdict (macro-F1 0.857 with and without), so they enter
# the confidence alone: constant, excess and agreement as in SCORE, and tanh of
# half the paired rise above the floor in its standard errors. Fitted without
# the data set it is measured on, the log loss falls from 0.325 to 0.314, and
# the surest 80 % gain 0.001.
SCORE_PAIRED = (-0.4, 1.9, -1.1, 1.0)

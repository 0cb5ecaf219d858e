"""Every number the decision rests on, with its reason and its sensitivity.

Two words: the *level* is the best validation loss, freed of what noise alone
takes off the lowest of many, and a *rise* is relative to the level, so none of
this has the unit of a loss.

Sensitivity is the macro-F1 at other values, as `benchmarks/sensitivity.py`
prints it, over 5136 labelled runs on 43 data sets (two of them real and shared
with the project; the rest made by `benchmarks/histories.py` and its like:
images, tables and regression; dense, convolutional and recurrent nets; three
learning-rate schedules; 10 to 200 epochs): 0.872, of which 0.005 is one
standard error. The best bare rule, a last loss above 1.1 times the lowest,
reaches 0.871 there: what tells more is hard to find in such curves. The rule
calls four in five flat noisy curves overfitting, though.

Where nothing is said the score moved by at most 0.002 between half and twice
the value: those constants are there for what such runs seldom show (cycles,
spikes, double descent, noise) and are held by tests of scripted curves instead.
Flat curves are 200 of 60 epochs with 10 % noise: 0.10 of them alarm.
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
# the weights are, and then the last one tells the most. LAST_LIMIT = 0, the
# mean alone: 0.003 less; at 0.3 a single spike at the end counts as
# overfitting.
END_FRACTION = 0.1
LAST_LIMIT = 0.1

# The lowest of n noisy values lies sqrt(2 log n) standard deviations below
# their mean; a running median of three has about this share of their
# deviation. Without it twice as many flat curves alarm.
LOWEST_LUCK = 0.55

# Both losses fall in the first fifth (one over this) of a run, whatever
# comes after.
FIRST_FALL = 5

# --- overfitting -----------------------------------------------------------

# Smallest rise that is worth a name. People call 5 % material; the level is the
# lowest of many, which moves the equal-error point a little up. 0.035: 0.003
# less; 0.14: 0.015 less.
RISE_FLOOR = 0.07

# What a smooth validation curve's rise is typically off by, the set being
# finite, in log units.
SET_ERROR = 0.12

# How much the noise between epochs adds to that, in its standard deviations.
# 2: 0.002 more here, where noise is mostly that of the weights, but 0.12 of the
# flat curves alarm; 6: 0.001 less.
NOISE_WEIGHT = 3.0

# The same for the mean of the last tenth above the lowest mean of as many
# epochs. Means know little of luck, so 5 % are enough (0.1: 0.004 less); above
# the lowest value 0.59 of flat curves of 400 epochs alarmed, not 0.14.
END_FLOOR = 0.05
END_ERROR = 0.1
END_NOISE = 1.5

# The log odds of overfitting are SCORE[0] + SCORE[1] * tanh(excess / error) +
# SCORE[2] * agreement + SCORE[3] * tanh(end / end_error). Fitted by logistic
# regression, every data set weighing the same and the constant half way to that
# of equal shares: (-0.52, 2.6, -0.47, 1.05). Fitted anew for each data set on
# the others 0.875, so the weights are not the sets' own. On the first nine sets
# alone agreement weighed more than twice as much (-1.3), and did worse on the
# next 34. Weights left out: rise 0.013 less, end 0.002, agreement 0.000 (but
# a third more flat curves alarm).
SCORE = (-0.5, 2.5, -0.45, 1.1)

# A standard error of the rise five times the smallest rise worth a name ...
NOISE_LIMIT = 0.35

# ... and larger than the rise hides everything.
RISE_ERRORS = 1.0

# What noise around a flat curve does by chance in one of four is no evidence:
# the upper quartile of the normal distribution, for each of three tests. Flat
# curves alarm less by a third; 0.84 (one of five): by almost half, but 0.002
# less here, as noisy real runs that seem to rise mostly do.
CHANCE = 0.674

# The onset is where a tenth of the final rise is left behind for good.
ONSET_SHARE = 0.1

# --- what is not overfitting although the loss rose ------------------------

# A run that came back from a stay above half of the present rise, two thirds
# as long as the present stay, may come back from this one too.
RECOVERY_SHARE = 2 / 3

# The running mean in which such stays are looked for, as a share of the run:
# wide enough not to be ended by noise, narrower than the trough of a cycle.
RECOVERY_WIDTH = 0.05

# Where a rise comes and goes with the learning rate both losses move alike:
# their rank correlation is nearer to 1 than to 0.
SWING_AGREEMENT = 0.5

# A rise in the middle has to be this high to be a hump of double descent:
# twice the smallest rise worth a name.
HUMP_FLOOR = 0.14

# With half of the rise undone the second descent is under way; once all of it
# is undone the descent is over.
HUMP_UNDONE = 0.5

# And it is only under way as long as, at the pace of the last quarter, the
# rest would be undone in as many epochs again: in four times that quarter.
HUMP_QUARTERS = 4

# A training loss that ends nearer to its highest level than to its lowest is
# not fitting anything. (Two such runs count as overfit in the labels, which
# look at the test loss alone.)
DIVERGED_SHARE = 0.5

# And one that ends at twice its first value fits less than no training would,
# however much it jumps.
DIVERGED_GROWTH = 2.0

# --- the other statuses (no effect on the score) ---------------------------

# Smallest fall over the last quarter of the run that counts as improvement:
# half of the smallest rise worth a name.
FALL_FLOOR = 0.035

# A run that lowered neither loss by a tenth has learned next to nothing.
GAIN_FLOOR = 0.1

# --- confidence ------------------------------------------------------------

# How far the losses end apart, and the noise, say little of whether a run
# overfits, but something of how far to trust the verdict. The constant and the
# weights of the three terms of SCORE, of tanh of a third of the log of
# validation over training loss at the end, and of the log of the noise. Fitted
# as SCORE is (0.45, 2.15, -0.63, 0.81, 2.09, 0.27), then the weight of the
# ratio halved, as training losses are not always of validation's kind. Verdicts
# stated with 0.96 on average are right in 0.96 of all cases, on runs made after
# the fit in 0.94; the surest 80 % have a macro-F1 of 0.94, of the shared runs
# 0.92.
SURE = (0.65, 2.2, -0.65, 0.8, 1.05, 0.27)

# The same where the paired series are known, with tanh of half the paired rise
# above the floor in its standard errors. They do not move the verdict, so they
# enter the confidence alone: log loss 0.231 for 0.237 on runs made here, 0.330
# for 0.338 on the shared ones, the surest 80 % as without.
SURE_PAIRED = (0.35, 1.85, -0.65, 0.4, 1.05, 0.2, 0.9)

# Share of the first training loss that is added to both losses before their
# ratio is taken, as a training loss of next to nothing says no more than that.
GAP_FLOOR = 1e-3

# Bounds of the noise where its logarithm is taken: where it is rounding, and
# where epochs differ by more than the loss itself.
LEAST_NOISE = 1e-4
MOST_NOISE = 3.0

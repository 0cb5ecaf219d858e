"""Every number the decision rests on, each with its reason.

Two words are used below. The *level* is the smoothed validation loss at its
best epoch. A *rise* is relative to the level, so all of this is free of scale.
"""

# Shorter runs hold no curve. Five points are the fewest in which a minimum
# can have two neighbours on both sides.
MIN_EPOCHS = 5

# Half-width of the averaging window around epoch i, as a fraction of i. It
# depends on the position alone, never on the length of the run, so cutting a
# curve does not change what was seen before the cut.
WINDOW_FRACTION = 0.1

# Wider windows add no precision that matters and cost time.
MAX_HALF_WINDOW = 50

# The last fifth of the run is its end. A mean over it does not depend on the
# phase of a cyclic learning rate nor on one bad epoch.
TAIL_FRACTION = 0.2

# The fewest epochs that can outvote one spike.
MIN_TAIL = 3

# Smallest rise that is worth a name.
RISE_FLOOR = 0.07

# A rise is significant if it is this many of its standard errors ...
RISE_ERRORS = 2.0

# ... or if the loss has this much of a trend after the best epoch.
TREND_ERRORS = 1.0

# A best epoch in the last tenth of the run is the end of the run.
LATEST_BEST = 0.9

# The onset is where a tenth of the final rise is left behind for good.
ONSET_SHARE = 0.1

# Smallest fall over the last quarter of the run that counts as improvement.
FALL_FLOOR = 0.035

# A rise in the middle has to be this high to be a hump of double descent.
HUMP_FLOOR = 0.14

# With half of the rise undone the second descent is under way.
HUMP_UNDONE = 0.5

# A training loss that gave back this share of its fall is not fitting.
DIVERGED_SHARE = 0.5

# With a standard error of the rise above this nothing can be said.
NOISE_LIMIT = 0.35

# A run that lowered neither loss by this much has learned next to nothing.
GAIN_FLOOR = 0.1

# A run that came back from a rise two thirds as high and as long as the
# present one may come back from this one too.
RECOVERY_SHARE = 2 / 3

# What a smooth validation curve's rise is typically off by, the set being
# finite, in log units.
SET_ERROR = 0.1

# Confidence is 1 / (1 + exp(-score)), score = constant + slope * tanh(distance
# / 2) + late * (position of the best epoch, 0 to 1), by whether the verdict is
# overfitting.
CONFIDENCE = {True: (1.3, 1.3, 0.0), False: (-0.8, -3.0, 2.4)}
CONFIDENCE_PAIRED = {True: (0.5, 3.1, 0.0), False: (-0.2, -2.0, 1.6)}

RECOVERY_WIDTH = 0.1

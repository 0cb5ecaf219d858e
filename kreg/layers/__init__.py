"""Noise and penalties inside a model, each with a Strength."""

from kreg.layers._drop_block import DropBlock2D as DropBlock2D
from kreg.layers._drop_connect import DropConnect as DropConnect
from kreg.layers._drop_path import DropPath as DropPath
from kreg.layers._feature_gate import FeatureGate as FeatureGate
from kreg.layers._scheduled_alpha_dropout import (
    ScheduledAlphaDropout as ScheduledAlphaDropout,
)
from kreg.layers._scheduled_augmentation import (
    ScheduledAugmentation as ScheduledAugmentation,
)
from kreg.layers._scheduled_dropout import ScheduledDropout as ScheduledDropout
from kreg.layers._scheduled_gaussian import (
    ScheduledGaussianDropout as ScheduledGaussianDropout,
)
from kreg.layers._scheduled_gaussian import (
    ScheduledGaussianNoise as ScheduledGaussianNoise,
)
from kreg.layers._scheduled_label_smoothing import (
    ScheduledLabelSmoothing as ScheduledLabelSmoothing,
)
from kreg.layers._scheduled_penalty import ScheduledPenalty as ScheduledPenalty
from kreg.layers._scheduled_spatial_dropout import (
    ScheduledSpatialDropout1D as ScheduledSpatialDropout1D,
)
from kreg.layers._scheduled_spatial_dropout import (
    ScheduledSpatialDropout2D as ScheduledSpatialDropout2D,
)
from kreg.layers._scheduled_spatial_dropout import (
    ScheduledSpatialDropout3D as ScheduledSpatialDropout3D,
)
from kreg.layers._weight_noise import WeightNoise as WeightNoise

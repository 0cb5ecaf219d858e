"""Losses that regularize."""

from kreg.losses._smoothed_categorical_crossentropy import (
    SmoothedCategoricalCrossentropy as SmoothedCategoricalCrossentropy,
)
from kreg.losses._smoothed_sparse_categorical_crossentropy import (
    SmoothedSparseCategoricalCrossentropy as SmoothedSparseCategoricalCrossentropy,  # noqa: E501
)

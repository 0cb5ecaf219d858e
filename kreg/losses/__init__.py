"""Losses that regularize."""

from kreg.losses._smoothed_crossentropy import (
    SmoothedSparseCategoricalCrossentropy as SmoothedSparseCategoricalCrossentropy,  # noqa: E501
)

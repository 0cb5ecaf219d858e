"""Noise and penalties inside a model, each with a Strength."""

from kreg.layers._feature_gate import FeatureGate as FeatureGate
from kreg.layers._scheduled_dropout import ScheduledDropout as ScheduledDropout
from kreg.layers._scheduled_penalty import ScheduledPenalty as ScheduledPenalty

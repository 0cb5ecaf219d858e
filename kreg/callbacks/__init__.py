"""Callbacks that watch and steer a running `fit`."""

from kreg.callbacks._overfit_monitor import OverfitMonitor as OverfitMonitor
from kreg.callbacks._strength_scheduler import (
    StrengthScheduler as StrengthScheduler,
)

"""Pictures of what a training run did."""

from kreg.reports._plot_history import plot_history as plot_history
from kreg.reports._plot_strength_path import (
    plot_strength_path as plot_strength_path,
)

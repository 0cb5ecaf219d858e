"""Pictures of what a training run did."""

from kreg.reports._plot_history import plot_history as plot_history

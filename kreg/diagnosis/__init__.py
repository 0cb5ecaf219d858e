"""Is a training run overfitting, since when, and what to do about it."""

from kreg.diagnosis import criteria
from kreg.diagnosis._decision import diagnose
from kreg.diagnosis._history import History
from kreg.diagnosis._plot import text_plot
from kreg.diagnosis._readers import read_histories, read_history
from kreg.diagnosis._verdict import Advice, Verdict

__all__ = [
    "Advice",
    "History",
    "Verdict",
    "criteria",
    "diagnose",
    "read_histories",
    "read_history",
    "text_plot",
]

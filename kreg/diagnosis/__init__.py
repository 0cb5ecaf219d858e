"""Is a training run overfitting, since when, and what to do about it."""

from kreg.diagnosis import criteria
from kreg.diagnosis.decision import diagnose
from kreg.diagnosis.history import History
from kreg.diagnosis.plot import text_plot
from kreg.diagnosis.readers import read_histories, read_history
from kreg.diagnosis.verdict import Advice, Verdict

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

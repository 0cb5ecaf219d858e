"""The outcomes of a wave, in a file until all its trials are reported.

Trials are reported one by one. What trained them together keeps its state for
the whole wave, so that after a kill in between, those that are left would begin
anew.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from kreg.diagnosis import Verdict
from kreg.tuners import _files
from kreg.tuners._runs import Outcome

_FILE = "outcomes.json"


def write(folder: str, outcomes: Mapping[str, Outcome]) -> None:
    """Writes the outcomes, by the names of the runs.

    Without the histories, which no report has.
    """
    states = {name: _state(outcome) for name, outcome in outcomes.items()}
    _files.write_json(os.path.join(folder, _FILE), states)


def read(folder: str, trials: Mapping[str, Any]) -> dict[str, Outcome]:
    """Returns the outcomes of the runs whose trial is not reported yet.

    Args:
        folder: String.
        trials: Dict of the oracle's trials, by id. One that is reported and is
            to be tried again is not `"RUNNING"`.
    """
    path = os.path.join(folder, _FILE)
    if not os.path.exists(path):
        return {}
    unreported = {i for i, t in trials.items() if t.status == "RUNNING"}
    return {
        name: _outcome(state)
        for name, state in _files.read_json(path).items()
        if name.split("_")[0] in unreported
    }


def _state(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        **{f.name: getattr(outcome, f.name) for f in _FIELDS},
        "history": {},
        "verdict": None if verdict is None else verdict.to_json(),
    }


def _outcome(state: dict[str, Any]) -> Outcome:
    verdict = state["verdict"]
    read = None if verdict is None else Verdict.from_json(verdict)
    return Outcome(**{**state, "verdict": read})


_FIELDS = dataclasses.fields(Outcome)

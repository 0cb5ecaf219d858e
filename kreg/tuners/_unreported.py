"""What is known of runs, in a file until their trials are reported.

Trials are reported one by one. What trained them together keeps its state for
the whole wave, so that after a kill in between, those that are left would begin
anew. And some runs pause at the end of a wave, to go on in a later one.
"""

import contextlib
import dataclasses
import glob
import os
import shutil
from collections.abc import Mapping
from typing import Any

from kreg.diagnosis import Verdict
from kreg.tuners import _files
from kreg.tuners._runs import Outcome, Paused

_FILE = "outcomes.json"
_PAUSED = "paused"


def path_of_state(folder: str, run_name: str, next_epoch: int) -> str:
    """Returns the file for the state of a run that pauses.

    Args:
        folder: String.
        run_name: String.
        next_epoch: Integer. The epoch that it will go on with. In the name,
            since the last state is needed until this one is known of.
    """
    return os.path.join(folder, _PAUSED, f"{run_name}_{next_epoch}.npz")


def write(folder: str, known: Mapping[str, Outcome | Paused]) -> None:
    """Writes what is known, by the names of the runs.

    Without the histories, which no report has.
    """
    states = {name: _state(found) for name, found in known.items()}
    _files.write_json(os.path.join(folder, _FILE), states)


def read(folder: str, trials: Mapping[str, Any]) -> dict[str, Outcome | Paused]:
    """Returns what is known of the runs whose trial is not reported yet.

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
        name: _found(state, folder)
        for name, state in _files.read_json(path).items()
        if name.split("_")[0] in unreported
    }


def forget(folder: str, known: Mapping[str, Outcome | Paused]) -> None:
    """Removes what a wave that is reported has left, but what is known."""
    if not known:
        shutil.rmtree(folder, ignore_errors=True)
        return
    write(folder, known)
    states = [f.state for f in known.values() if isinstance(f, Paused)]
    kept = {os.path.join(folder, _FILE), os.path.join(folder, _PAUSED), *states}
    for pattern in ("*", os.path.join(_PAUSED, "*")):
        for path in glob.glob(os.path.join(glob.escape(folder), pattern)):
            if path not in kept:
                _remove(path)


def _remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):  # it will not be looked at again
        os.remove(path)


def _state(found: Outcome | Paused) -> dict[str, Any]:
    state = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    if isinstance(found, Paused):
        # The project may be moved before it goes on.
        return {
            **state,
            "state": os.path.basename(found.state),
            "callbacks": None,
        }
    verdict = found.verdict
    return {
        **state,
        "history": {},
        "verdict": None if verdict is None else verdict.to_json(),
    }


def _found(state: dict[str, Any], folder: str) -> Outcome | Paused:
    if "next_epoch" in state:
        path = os.path.join(folder, _PAUSED, state["state"])
        return Paused(**{**state, "state": path})
    verdict = state["verdict"]
    read = None if verdict is None else Verdict.from_json(verdict)
    return Outcome(**{**state, "verdict": read})

"""Which search a project's folder belongs to."""

import glob
import importlib.metadata
import json
import os
import shutil
from typing import Any

from kreg.tuners import _files

# Raised when a kreg can no longer read what an earlier one wrote.
FORMAT = 1

_ANOTHER = (
    "Give another `project_name`, or `overwrite=True` to search anew in its "
    "place."
)


def open_folder(folder: str, tuner: str, gate: str, overwrite: bool) -> None:
    """Makes the folder ready for KerasTuner to open it.

    KerasTuner goes on with a project if the *gate* is there, a file that it
    writes when the first trial has ended. Here it is there exactly when there
    is an `oracle.json`.

    Args:
        folder: String. The project's folder.
        tuner: String. The class of the tuner.
        gate: String. The name of the gate.
        overwrite: Boolean: search anew.

    Raises:
        ValueError: If KerasTuner itself, another class or another kreg wrote
            the project.
        StorageError: If the folder cannot be made.
    """
    _files.make_folder(folder)
    oracle, gate = _in(folder, "oracle.json"), _in(folder, gate)
    if overwrite:
        _files.remove(oracle)  # first: a kill may come before the rest is gone
    is_old = os.path.exists(oracle)
    if is_old:
        _check_is_ours(folder, tuner)
        if not os.path.exists(gate):
            _files.write_json(gate, {})
        return
    _files.remove(gate)
    if overwrite or os.path.exists(_path(folder)):
        # What an overwriting that was killed has left of an old search.
        for trial in glob.glob(_in(glob.escape(folder), "trial_*")):
            shutil.rmtree(trial, ignore_errors=True)
        _files.remove(_path(folder))


def _check_is_ours(folder: str, tuner: str) -> None:
    if not os.path.exists(_path(folder)):
        raise ValueError(
            f"The project in {folder} was written by KerasTuner itself, which "
            f"does not say what was searched. {_ANOTHER}"
        )
    written = _files.read_json(_path(folder))
    if written.get("format") != FORMAT:
        raise ValueError(
            f"The project in {folder} was written by kreg "
            f"{written.get('kreg')}, whose projects kreg {_version()} does "
            f"not read. {_ANOTHER}"
        )
    if written["tuner"] != tuner:
        raise ValueError(
            f"The project in {folder} was written by {written['tuner']}, not "
            f"by {tuner}. {_ANOTHER}"
        )


def check_is_alike(
    folder: str, objective: Any, space: list[dict[str, Any]]
) -> None:
    """Raises unless the project was searched for the same in the same space.

    Args:
        folder: String. The project's folder.
        objective: `keras_tuner.Objective` of now.
        space: What `describe` returns of the space as it is declared now.

    Raises:
        ValueError: If the objective or the space is another one.
    """
    written = _files.read_json(_path(folder))
    if written["objective"] != str(objective):
        raise ValueError(
            f"The project in {folder} was searched with "
            f"{written['objective']}, not {objective}. {_ANOTHER}"
        )
    before, now = written["space"], json.loads(json.dumps(space))
    changed = sorted(
        {hp["config"]["name"] for hp in before + now if hp not in before}
        | {hp["config"]["name"] for hp in before if hp not in now}
    )
    if changed:
        raise ValueError(
            f"The project in {folder} was searched in another space: "
            f"{changed} have been added, removed or changed. {_ANOTHER}"
        )


def begin(
    folder: str, tuner: str, objective: Any, space: list[dict[str, Any]]
) -> None:
    """Says in a new project what is searched, before there is a trial."""
    path = _path(folder)
    if os.path.exists(path):
        return
    written = {
        "format": FORMAT,
        "kreg": _version(),
        "tuner": tuner,
        "objective": str(objective),
        "space": space,
    }
    _files.write_json(path, written)


def describe(space: Any) -> list[dict[str, Any]]:
    """Returns hyperparameters as JSON can hold them."""
    return [
        {
            "class": type(hp).__name__,
            "config": {
                **hp.get_config(),
                "conditions": [c.get_config() for c in hp.conditions],
            },
        }
        for hp in space
    ]


def _path(folder: str) -> str:
    return _in(folder, "kreg.json")


def _in(folder: str, name: str) -> str:
    return os.path.join(folder, name)


def _version() -> str:
    return importlib.metadata.version("kreg")

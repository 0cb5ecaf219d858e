"""Which search a project's folder belongs to."""

import glob
import importlib.metadata
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


def check_is_ours(folder: str, tuner: str) -> None:
    """Raises unless `folder` is new or holds a search by such a tuner.

    Args:
        folder: String. The project's folder.
        tuner: String. The class of the tuner.

    Raises:
        ValueError: If KerasTuner itself, another class or another kreg wrote
            it.
    """
    path = _path(folder)
    if not os.path.exists(path):
        if os.path.exists(os.path.join(folder, "oracle.json")):
            raise ValueError(
                f"The project in {folder} was written by KerasTuner itself, "
                f"which does not say what was searched. {_ANOTHER}"
            )
        return
    written = _files.read_json(path)
    version = written.get("kreg")
    if written.get("format") != FORMAT:
        raise ValueError(
            f"The project in {folder} was written by kreg {version}, whose "
            f"projects kreg {_version()} does not read. {_ANOTHER}"
        )
    if written["tuner"] != tuner:
        raise ValueError(
            f"The project in {folder} was written by {written['tuner']}, not "
            f"by {tuner}. {_ANOTHER}"
        )


def check_is_alike(folder: str, objective: Any, space: Any) -> None:
    """Raises unless the project was searched for the same in the same space.

    Args:
        folder: String. The project's folder.
        objective: `keras_tuner.Objective` of now.
        space: List of hyperparameters as the build function declares them now.

    Raises:
        ValueError: If the objective or the space is another one.
    """
    written = _files.read_json(_path(folder))
    if written["objective"] != str(objective):
        raise ValueError(
            f"The project in {folder} was searched with "
            f"{written['objective']}, not {objective}. {_ANOTHER}"
        )
    before, now = written["space"], describe(space)
    changed = sorted(
        {hp["config"]["name"] for hp in before + now if hp not in before}
        | {hp["config"]["name"] for hp in before if hp not in now}
    )
    if changed:
        raise ValueError(
            f"The project in {folder} was searched in another space: "
            f"{changed} have been added, removed or changed. {_ANOTHER}"
        )


def begin(folder: str, tuner: str, objective: Any, space: Any) -> None:
    """Says in a new project what is searched."""
    path = _path(folder)
    if os.path.exists(path):
        return
    _files.make_folder(folder)
    written = {
        "format": FORMAT,
        "kreg": _version(),
        "tuner": tuner,
        "objective": str(objective),
        "space": describe(space),
    }
    _files.write_json(path, written)


def forget_trials(folder: str) -> None:
    """Removes what an overwriting that was killed has left of an old search."""
    for trial in glob.glob(os.path.join(glob.escape(folder), "trial_*")):
        shutil.rmtree(trial, ignore_errors=True)


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
    return os.path.join(folder, "kreg.json")


def _version() -> str:
    return importlib.metadata.version("kreg")

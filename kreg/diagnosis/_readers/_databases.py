"""Optuna's databases: the SQLite files that a study's storage names."""

import math
import pathlib
import urllib.parse
from typing import Any

from kreg.diagnosis._history import History
from kreg.diagnosis._readers._limits import (
    MAX_BYTES,
    MAX_ROWS,
    check_rows,
    malformed,
)
from kreg.diagnosis._readers._trials import from_steps

TABLES = {"study_directions", "trials", "trial_intermediate_values"}

# A number is stored beside what kind it is, as SQL has no infinity.
KINDS = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": None}

# A file may hold views in the place of tables, and those may never end: after
# this many thousand instructions of SQLite's machine it is given up.
MOST_STEPS = 100_000


def read_optuna(path: pathlib.Path) -> list[History]:
    """Reads the trials in an Optuna database that reported values.

    Optuna does not say what was reported; it is taken as a validation loss.

    Args:
        path: `pathlib.Path` of a regular file.

    Returns:
        List of `History`, named by the trials' numbers, and where there are
        several studies by theirs, too.

    Raises:
        ValueError: If it is no such database, no trial reported anything, or
            every study maximizes.
    """
    import sqlite3

    if path.stat().st_size > MAX_BYTES:
        raise malformed(path, f"which is larger than {MAX_BYTES >> 20} MB")
    # Nothing is written, no journal looked for, no lock waited for.
    place = urllib.parse.quote(str(path.absolute()), errors="surrogateescape")
    connection = sqlite3.connect(
        f"file:{place}?mode=ro&immutable=1", uri=True, timeout=0
    )
    try:
        directions, rows = _query(connection, path)
    except (sqlite3.Error, OverflowError) as error:
        raise malformed(path, f"which is no Optuna database: {error}") from None
    finally:
        connection.close()
    check_rows(len(rows), path)
    if not rows:
        raise malformed(path, "in which no trial has intermediate values")
    return _histories(directions, rows, path)


def _query(connection, path):
    steps = iter(range(MOST_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, 1000)
    connection.execute("PRAGMA trusted_schema = OFF")
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).fetchmany(MAX_ROWS)
    if not {name for (name,) in tables} >= TABLES:
        raise malformed(path, "which is no Optuna database")
    directions = connection.execute(
        "SELECT study_id, direction FROM study_directions"
    ).fetchmany(MAX_ROWS)
    rows = connection.execute(
        "SELECT study_id, number, step, intermediate_value, "
        "intermediate_value_type FROM trial_intermediate_values "
        "JOIN trials USING (trial_id) ORDER BY study_id, number, step"
    ).fetchmany(MAX_ROWS + 1)
    return directions, rows


def _histories(directions, rows, path):
    maximized = {s for s, direction in directions if direction != "MINIMIZE"}
    trials: dict[tuple, list[tuple[float, Any]]] = {}
    for study, number, step, value, kind in rows:
        if study not in maximized:
            steps = trials.setdefault((study, number), [])
            steps.append((step, KINDS.get(kind, value)))
    if not trials:
        raise malformed(path, "whose studies maximize what trials reported")
    several = len({study for study, _ in trials}) > 1
    return [
        from_steps(steps, path, f"{study}/{number}" if several else f"{number}")
        for (study, number), steps in trials.items()
    ]

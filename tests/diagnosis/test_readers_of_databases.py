"""Optuna's SQLite databases, and files that pretend to be some."""

import sqlite3

import pytest

from kreg.diagnosis import read_histories

# As Optuna 5 makes them, less the columns of no interest here.
SCHEMA = """
CREATE TABLE study_directions (
    study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL,
    study_id INTEGER NOT NULL, objective INTEGER NOT NULL,
    PRIMARY KEY (study_direction_id)
);
CREATE TABLE trials (
    trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER,
    state VARCHAR(8) NOT NULL, PRIMARY KEY (trial_id)
);
CREATE TABLE trial_intermediate_values (
    trial_intermediate_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
    step INTEGER NOT NULL, intermediate_value FLOAT,
    intermediate_value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_intermediate_value_id)
);
"""
VALUES = [3.0, 2.0, 1.0]


def database(path, studies):
    """Writes two trials of each study: `VALUES`, and those and a jump."""
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        trial = 0
        for study, direction in studies.items():
            connection.execute(
                "INSERT INTO study_directions VALUES (NULL, ?, ?, 0)",
                (direction, study),
            )
            for number in range(2):
                trial += 1
                connection.execute(
                    "INSERT INTO trials VALUES (?, ?, ?, 'COMPLETE')",
                    (trial, number, study),
                )
                rows = [(x, "FINITE") for x in VALUES]
                rows += [(None, "NAN"), (None, "INF_POS")] * number
                # Not in the order of the steps.
                for step, row in reversed(list(enumerate(rows))):
                    connection.execute(
                        "INSERT INTO trial_intermediate_values "
                        "VALUES (NULL, ?, ?, ?, ?)",
                        (trial, step, *row),
                    )
    connection.close()
    return path


@pytest.mark.parametrize("suffix", [".db", ".sqlite", ".sqlite3"])
def test_trials_of_a_study(tmp_path, suffix):
    path = database(tmp_path / f"study 100%{suffix}", {1: "MINIMIZE"})
    histories = read_histories(path)
    assert list(histories) == ["0", "1"]
    assert histories["0"].val_loss == (3.0, 2.0, 1.0)
    assert histories["1"].val_loss == (3.0, 2.0, 1.0, None, float("inf"))
    assert read_histories(tmp_path) == histories


def test_studies_are_told_apart_and_those_that_maximize_left_out(tmp_path):
    directions = {1: "MINIMIZE", 2: "MAXIMIZE", 3: "MINIMIZE"}
    path = database(tmp_path / "a.db", directions)
    assert list(read_histories(path)) == ["1/0", "1/1", "3/0", "3/1"]
    path = database(tmp_path / "b.db", {1: "MAXIMIZE"})
    with pytest.raises(ValueError, match="whose studies maximize"):
        read_histories(path)


def scripted(path, script):
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    return path


def test_what_is_no_database_of_optuna_is_refused(tmp_path):
    message = "which is no Optuna database"
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0and no more")
    with pytest.raises(ValueError, match=message):
        read_histories(tmp_path / "a.db")
    with pytest.raises(ValueError, match=message):
        read_histories(scripted(tmp_path / "b.db", "CREATE TABLE a (b);"))
    whole = database(tmp_path / "c.db", {1: "MINIMIZE"}).read_bytes()
    (tmp_path / "d.db").write_bytes(whole[:5000])
    with pytest.raises(ValueError, match=message):
        read_histories(tmp_path / "d.db")
    empty = scripted(tmp_path / "e.db", SCHEMA)
    with pytest.raises(ValueError, match="no trial has intermediate values"):
        read_histories(empty)


def test_other_values_than_numbers_are_refused(tmp_path):
    path = database(tmp_path / "a.db", {1: "MINIMIZE"})
    column = "intermediate_value"
    for value in ("'much'", "x'ff'"):
        scripted(path, f"UPDATE trial_intermediate_values SET {column}={value}")
        with pytest.raises(ValueError, match=r"a\.db', in which"):
            read_histories(path)


def test_nothing_runs_for_ever(tmp_path):
    endless = (
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) "
        "SELECT x AS trial_id, x AS step, 1.0 AS intermediate_value, "
        "'FINITE' AS intermediate_value_type FROM r"
    )
    table = "trial_intermediate_values"
    view = f"{SCHEMA} DROP TABLE {table}; CREATE VIEW {table} AS {endless};"
    with pytest.raises(ValueError, match="which is no Optuna database"):
        read_histories(scripted(tmp_path / "a.db", view))
    # Twenty thousand trials of one number, and as many values of each.
    many = (
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r "
        "LIMIT 20000) "
    )
    square = (
        f"{SCHEMA.replace('PRIMARY KEY (trial_id)', 'CHECK (1)')}"
        f"INSERT INTO trials {many} SELECT 1, x, 1, '' FROM r;"
        f"INSERT INTO {table} {many} SELECT x, 1, x, 1.0, '' FROM r;"
    )
    with pytest.raises(ValueError, match="interrupted"):
        read_histories(scripted(tmp_path / "b.db", square))

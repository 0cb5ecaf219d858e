"""The forms in which tools write histories."""

import json

import pytest
import scripted_curves as curves

from kreg.diagnosis import read_histories, read_history

TRAIN = [0.9, 0.5, 0.3, 0.2, 0.1, 0.05]
VAL = [1.0, 0.7, 0.6, 0.65, 0.7, 0.8]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_json(path, value):
    return write(path, json.dumps(value))


def csv(names, *columns, separator=","):
    rows = [names, *zip(*columns, strict=True)]
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


EPOCHS = range(6)
COLUMNS = {"loss": TRAIN, "val_loss": VAL}
ROWS = [
    {"epoch": e, "loss": t, "val_loss": v}
    for e, t, v in zip(EPOCHS, TRAIN, VAL, strict=True)
]
TABLE = csv(["epoch", "loss", "val_loss"], EPOCHS, TRAIN, VAL)
SAME = {
    "CSV": ("a.csv", TABLE),
    "CSV with a mark and CRLF": (
        "a.csv",
        "\ufeff" + TABLE.replace("\n", "\r\n"),
    ),
    "CSV with semicolons": ("training.log", TABLE.replace(",", ";")),
    "CSV with bars": ("a.csv", TABLE.replace(",", "|")),
    "CSV with spaces": ("a.csv", TABLE.replace(",", " ")),
    "CSV with decimal commas": (
        "a.csv",
        TABLE.replace(",", ";").replace(".", ","),
    ),
    "CSV with its header again": (
        "a.csv",
        TABLE.replace("2,0.3", "epoch,loss,val_loss\n2,0.3"),
    ),
    "JSON of pandas": (
        "a.json",
        json.dumps(
            {
                name: {str(i): x for i, x in enumerate(values)}
                for name, values in COLUMNS.items()
            }
        ),
    ),
    "JSON columns": ("a.json", json.dumps(COLUMNS)),
    "JSON history": ("a.json", json.dumps({"history": COLUMNS, "params": {}})),
    "JSON rows": ("a.json", json.dumps(ROWS)),
    "JSON of one run": ("a.json", json.dumps({"run": COLUMNS})),
    "JSONL": ("a.jsonl", "\n\n".join(map(json.dumps, ROWS))),
    "JSONL log": ("train.log", "\n".join(map(json.dumps, ROWS))),
    "other names": (
        "a.csv",
        csv(["Epoch", "train/loss", "Val Loss"], EPOCHS, TRAIN, VAL).replace(
            "Epoch", "epoch"
        ),
    ),
    "names the other way round": (
        "a.csv",
        csv(["epoch", "Loss/train", "Loss/test"], EPOCHS, TRAIN, VAL),
    ),
}


@pytest.mark.parametrize("form", SAME)
def test_the_same_history_in_every_form(tmp_path, form):
    name, text = SAME[form]
    history = read_history(write(tmp_path / name, text))
    assert (history.train_loss, history.val_loss) == (tuple(TRAIN), tuple(VAL))
    assert history.epochs == tuple(EPOCHS)


def test_missing_epochs_in_a_csv_stay_missing(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "epoch,loss,val_loss\n3,0.5,NA\n4,0.4,0.9\n5,nan,\n6,0.2,inf\n",
    )
    history = read_history(path)
    assert history.epochs == (3, 4, 5, 6)
    assert history.train_loss == (0.5, 0.4, None, 0.2)
    assert history.val_loss == (None, 0.9, None, float("inf"))


def test_keras_history_validated_every_third_epoch(tmp_path):
    columns = {"loss": list(range(10, 0, -1)), "val_loss": [3.0, 2.0, 1.0]}
    history = read_history(write_json(tmp_path / "h.json", columns))
    assert history.val_loss == (
        (None, None, 3.0, None, None, 2.0) + (None, None, 1.0, None)
    )


def test_what_the_monitor_logs_is_preferred(tmp_path):
    columns = {
        "loss": [1.5, 1.25],
        "val_loss": [2.5, 2.25],
        "penalty": [0.5, 0.25],
        "val_data_loss": [2.0, 1.75],
        "train_data_loss": [0.75, 0.5],
    }
    history = read_history(write_json(tmp_path / "h.json", columns))
    assert history.val_loss == (2.0, 1.75)
    assert history.train_loss == (1.0, 1.0)
    assert history.probe_loss == (0.75, 0.5)


def test_an_epoch_that_starts_again_is_numbered_on(tmp_path):
    rows = ROWS[:3] + ROWS[:3]
    history = read_history(write_json(tmp_path / "h.json", rows))
    assert history.epochs == tuple(range(6))
    assert history.val_loss == (1.0, 0.7, 0.6) * 2


def test_what_a_resumed_run_did_again_counts_once(tmp_path):
    lines = [f"{i + 1},{1 - i / 10},{2 - i / 10}\n" for i in range(6)]
    again = [f"{i + 1},0.25,{1 - i / 10}\n" for i in range(3, 8)]
    text = "epoch,loss,val_loss\n" + "".join(lines + again)
    history = read_history(write(tmp_path / "a.csv", text))
    assert history.epochs == tuple(range(1, 9))
    assert history.train_loss == (1.0, 0.9, 0.8, *[0.25] * 5)
    assert history.val_loss[3] == 0.7


def test_the_case_of_the_suffix_does_not_matter(tmp_path):
    columns = {"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]}
    path = write_json(tmp_path / "HISTORY.JSON", columns)
    assert read_history(path).val_loss == (3.0, 2.0)


def test_hugging_face_trainer_state(tmp_path):
    log = [
        {"epoch": 0.5, "loss": 3.0, "learning_rate": 1e-4, "step": 5},
        {"epoch": 1.0, "loss": 2.0, "step": 10},
        {"epoch": 1.0, "eval_loss": 2.5, "eval_runtime": 1.0, "step": 10},
        {"epoch": 1.5, "loss": 1.0, "step": 15},
        {"epoch": 2.0, "eval_loss": 2.0, "step": 20},
        {"epoch": 2.0, "train_runtime": 3.0, "train_loss": 2.0, "step": 20},
    ]
    write_json(tmp_path / "run" / "trainer_state.json", {"log_history": log})
    history = read_history(tmp_path / "run")
    assert history.val_loss == (2.5, 2.0)
    assert history.train_loss == (2.5, 1.0)


def test_hugging_face_epochs_count_from_zero(tmp_path):
    log = [
        {"epoch": epoch, "loss": 1.0, "eval_loss": 2.0} for epoch in (1.0, 2.0)
    ]
    path = write_json(tmp_path / "trainer_state.json", {"log_history": log})
    assert read_history(path).epochs == (0, 1)


def test_lightning_metrics(tmp_path):
    table = (
        "epoch,step,train_loss_epoch,train_loss_step,val_loss\n"
        "0,1,,0.9,\n0,3,,,1.0\n0,3,0.8,,\n"
        "1,5,,0.7,\n1,7,,,0.5\n1,7,0.6,,\n"
    )
    write(tmp_path / "version_0" / "metrics.csv", table)
    history = read_history(tmp_path)
    assert history.epochs == (0, 1)
    assert history.train_loss == (0.8, 0.6)
    assert history.val_loss == (1.0, 0.5)


def trial(number, steps=6):
    return {
        "trial_id": f"0{number}",
        "metrics": {
            "metrics": {
                name: {
                    "direction": "min",
                    "observations": [
                        {"value": [x, x + 0.5], "step": step}
                        for step, x in enumerate(values[:steps])
                    ],
                }
                for name, values in COLUMNS.items()
            }
        },
        "score": 0.5,
    }


def test_keras_tuner_trials(tmp_path):
    for number in (0, 1):
        folder = tmp_path / f"trial_{number}"
        write_json(folder / "trial.json", trial(number, steps=6 - number))
    write_json(tmp_path / "oracle.json", {"seed": 1})
    histories = read_histories(tmp_path)
    assert list(histories) == ["00", "01"]
    assert histories["00"].val_loss == pytest.approx([v + 0.25 for v in VAL])
    assert len(histories["01"].val_loss) == 5
    assert read_history(tmp_path, "01") == histories["01"]
    assert read_history(tmp_path / "trial_1") == histories["01"]


def test_a_trial_that_has_not_ended_is_passed_over(tmp_path):
    write_json(tmp_path / "trial_0" / "trial.json", trial(0))
    running = {"trial_id": "1", "metrics": {"metrics": {}}, "score": None}
    write_json(tmp_path / "trial_1" / "trial.json", running)
    assert list(read_histories(tmp_path)) == ["00"]
    with pytest.raises(ValueError, match="which holds no history yet"):
        read_history(tmp_path / "trial_1")


def test_optuna_exports(tmp_path):
    values = {str(step): value for step, value in enumerate(VAL)}
    trials = [
        {"number": 0, "intermediate_values": values},
        {"number": 1, "intermediate_values": {}},
        {"number": 2, "intermediate_values": {"10": 2.0, "9": 3.0}},
    ]
    for document in (trials, {"trials": trials}):
        histories = read_histories(write_json(tmp_path / "t.json", document))
        assert list(histories) == ["0", "2"]
        assert histories["0"].val_loss == tuple(VAL)
        assert histories["2"].epochs == (9, 10)
        assert histories["2"].val_loss == (3.0, 2.0)


def test_optuna_journal(tmp_path):
    lines = [{"op_code": 0, "study_name": "s"}, {"op_code": 4, "study_id": 0}]
    lines += [
        {"op_code": 7, "trial_id": t, "step": s, "intermediate_value": s + t}
        for s in range(3)
        for t in (0, 1)
    ]
    text = "\n".join(map(json.dumps, lines))
    histories = read_histories(write(tmp_path / "journal.jsonl", text))
    assert histories["1"].val_loss == (1.0, 2.0, 3.0)


def test_what_optuna_maximizes_is_no_loss(tmp_path):
    lines = [
        {"op_code": 0, "study_name": "accuracy", "directions": [2]},
        {"op_code": 0, "study_name": "loss", "directions": [1]},
    ]
    lines += [{"op_code": 4, "study_id": study} for study in (0, 1, 0)]
    lines += [
        {"op_code": 7, "trial_id": t, "step": s, "intermediate_value": s + t}
        for s in range(3)
        for t in (0, 1, 2)
    ]
    path = tmp_path / "journal.log"
    write(path, "\n".join(map(json.dumps, lines)))
    assert list(read_histories(path)) == ["1"]
    lines[1]["directions"] = [2]
    write(path, "\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match="whose studies maximize"):
        read_histories(path)


def test_losses_of_different_steps_are_brought_together(tmp_path):
    rows = [{"epoch": step, "loss": step / 10} for step in (0, 10, 20, 30, 40)]
    rows += [{"epoch": step, "val_loss": 5.0 - step} for step in (15, 35)]
    rows.sort(key=lambda row: row["epoch"])
    history = read_history(write_json(tmp_path / "a.json", rows))
    assert history.epochs == (15, 35)
    assert history.val_loss == (-10.0, -30.0)
    assert history.train_loss == (0.5, 2.5)


def test_runs_are_named_by_their_folders(tmp_path):
    for name in ("a/version_0", "a/version_1"):
        write(tmp_path / name / "metrics.csv", TABLE)
    assert list(read_histories(tmp_path)) == ["a/version_0", "a/version_1"]
    assert list(read_histories(tmp_path / "a")) == ["version_0", "version_1"]


def test_files_of_any_name_in_a_folder(tmp_path):
    write(tmp_path / "one.csv", TABLE)
    write_json(tmp_path / "below" / "two.json", COLUMNS)
    write_json(tmp_path / "config.json", {"rate": 0.5})
    write(tmp_path / "notes.txt", "not looked at")
    histories = read_histories(tmp_path)
    assert set(histories) == {"one", "below/two"}
    assert all(run.val_loss == tuple(VAL) for run in histories.values())


def test_several_histories_have_to_be_told_apart(tmp_path):
    path = write_json(tmp_path / "a.json", {"x": COLUMNS, "y": COLUMNS})
    message = r"`name`. Expected one of the 2 histories .*\(x, y\).*name=None"
    with pytest.raises(ValueError, match=message):
        read_history(path)
    assert read_history(path, "y").name == "y"
    with pytest.raises(ValueError, match="name='z'"):
        read_history(path, "z")


def test_a_long_history_keeps_its_values(tmp_path):
    val = curves.rising(1000, 300)
    table = csv(["epoch", "val_loss"], range(1000), val.tolist())
    history = read_history(write(tmp_path / "a.csv", table))
    assert history.val_loss == tuple(val)
    assert history.train_loss is None
    assert history.diagnose().overfitting

"""Whatever a file holds, reading it ends in histories or in one error."""

import json
import os

import hypothesis
import hypothesis.strategies as st
import pytest

from kreg.diagnosis import History, read_histories, text_plot

# Few, as CI waits for them; HYPOTHESIS_EXAMPLES=20000 to search for long.
hypothesis.settings.register_profile(
    "kreg",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "60")),
    deadline=None,
    database=None,
    derandomize="HYPOTHESIS_EXAMPLES" not in os.environ,
    suppress_health_check=list(hypothesis.HealthCheck),
)
SETTINGS = hypothesis.settings.get_profile("kreg")

WORDS = [
    "epoch", "loss", "val_loss", "val_data_loss", "train_data_loss",
    "penalty", "val_rise", "val_rise_se", "history", "log_history", "trials",
    "intermediate_values", "intermediate_value", "trial_id", "number", "step",
    "metrics", "observations", "value", "eval_loss", "name", "train_loss_step",
]  # fmt: skip
names = st.sampled_from(WORDS) | st.text(max_size=3)
numbers = (
    st.floats()
    | st.integers(-3, 10)
    | st.sampled_from([10**400, -1, 1e308, 5e-324])
)
leaves = numbers | st.none() | st.booleans() | st.sampled_from(["1", "x", ""])
documents = st.recursive(
    leaves | st.lists(numbers, min_size=5, max_size=9),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=6)
    ),
    max_leaves=40,
)
# What tools write, but for what stands in the places of numbers.
trials = st.fixed_dictionaries(
    {
        "intermediate_values": st.dictionaries(
            st.integers(-1, 9).map(str) | names, leaves, max_size=6
        )
    },
    optional={"number": leaves},
)
entries = st.fixed_dictionaries(
    {"intermediate_value": leaves},
    optional={"step": leaves, "trial_id": leaves},
)
observations = st.lists(
    st.fixed_dictionaries(
        {"value": st.lists(leaves, max_size=3) | leaves, "step": leaves}
    ),
    max_size=6,
)
metrics = st.dictionaries(
    names, st.fixed_dictionaries({"observations": observations}), max_size=3
)
rows = st.lists(st.dictionaries(names, leaves, max_size=5), max_size=8)
shaped = (
    st.fixed_dictionaries({"trials": st.lists(trials, max_size=4)})
    | st.lists(trials, max_size=4)
    | st.lists(entries, max_size=6)
    | st.fixed_dictionaries({"trial_id": leaves, "metrics": metrics})
    | st.fixed_dictionaries({"log_history": rows})
    | rows
    | st.dictionaries(names, st.lists(leaves, max_size=8), max_size=5)
)


def read(path):
    """Reads, judges and draws, or is refused as documented."""
    histories, error = {}, None
    try:
        histories = read_histories(path)
    except ValueError as refused:
        error = str(refused)
    if error is not None:
        assert error.startswith("Invalid value for argument `path`")
        assert len(error) < 1000
    for history in histories.values():
        assert isinstance(history, History)
        text_plot(history, history.diagnose())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@SETTINGS
@hypothesis.given(document=documents | shaped)
def test_any_json(folder, document):
    path = folder / "a.json"
    path.write_text(json.dumps(document))
    read(path)


@SETTINGS
@hypothesis.given(lines=st.lists(documents, max_size=5) | shaped)
def test_any_jsonl(folder, lines):
    path = folder / "a.jsonl"
    lines = lines if isinstance(lines, list) else [lines]
    path.write_text("\n".join(map(json.dumps, lines)))
    read(path)


cells = (leaves | names).map(str)


@SETTINGS
@hypothesis.given(
    header=st.lists(names, max_size=5),
    table=st.lists(st.lists(cells, max_size=5), max_size=8),
    delimiter=st.sampled_from(",;\t"),
)
def test_any_csv(folder, header, table, delimiter):
    path = folder / "a.csv"
    text = "\n".join(delimiter.join(line) for line in [header, *table])
    path.write_text(text, encoding="utf-8", errors="replace")
    read(path)


@SETTINGS
@hypothesis.given(
    data=st.binary(max_size=60),
    suffix=st.sampled_from([".csv", ".json", ".jsonl", ".log", ".db"]),
)
def test_any_bytes(folder, data, suffix):
    path = folder / f"b{suffix}"
    path.write_bytes(data)
    read(path)


@pytest.mark.backends("tensorflow")  # whose extra brings TensorBoard
@SETTINGS
@hypothesis.given(
    payloads=st.lists(
        st.binary(max_size=40)
        | st.binary(max_size=20).map(lambda b: b"\x10\x01\x2a\x0c\x0a" + b),
        max_size=3,
    ),
    rest=st.binary(max_size=20),
)
def test_any_events(folder, payloads, rest):
    path = folder / "events.out.tfevents.1"
    records = b"".join(
        len(p).to_bytes(8, "little") + b"\0" * 4 + p + b"\0" * 4
        for p in payloads
    )
    path.write_bytes(records + rest)
    read(path)

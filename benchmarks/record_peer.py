"""Records what a PyPI log linter says about labelled training histories.

    python benchmarks/record_peer.py TOOL HISTORIES.json ANSWERS.json

TOOL is runmedic, finetune-doctor, trainspotter or losslint, installed where
this runs: each in a virtual environment of its own, with nothing of kreg. Each
history is written to a file in a format the tool reads, the tool's own command
is called, and its JSON searched for a finding of overfitting. What a tool calls
less than a warning counts as well, except finetune-doctor's, which names it
"slightly worse". `benchmarks/diagnosis.py` reads ANSWERS from the folder that
`KREG_BENCH_PEERS` names.
"""

import argparse
import contextlib
import importlib
import io
import json
import pathlib
import tempfile

# Tool: module of its command, arguments after which the file's name is put,
# arguments after that, the file's name, and the name of the finding.
TOOLS = {
    "runmedic": (
        "runmedic.cli",
        ["diagnose"],
        ["--json"],
        "log.csv",
        "overfitting",
    ),
    "finetune-doctor": (
        "finetune_doctor.cli",
        ["diagnose"],
        ["-f", "json"],
        "trainer_state.json",
        "overfitting",
    ),
    "trainspotter": (
        "trainspotter.cli",
        ["analyze"],
        ["--output", "json"],
        "log.csv",
        "overfitting",
    ),
    "losslint": (
        "losslint.cli",
        ["check"],
        ["--format", "json"],
        "log.csv",
        "overfit_onset",
    ),
}


def write(run, path):
    """Writes a history as the Hugging Face trainer or a CSV logger would."""
    curves = zip(run["train_loss"], run["val_loss"], strict=True)
    if path.suffix == ".csv":
        lines = ["step,train_loss,val_loss"]
        lines += [f"{i},{a},{b}" for i, (a, b) in enumerate(curves, 1)]
        path.write_text("\n".join(lines) + "\n")
        return
    log = []
    for i, (train, val) in enumerate(curves, 1):
        log.append({"step": i, "epoch": float(i), "loss": train})
        log.append({"step": i, "epoch": float(i), "eval_loss": val})
    state = {"global_step": i, "max_steps": i, "log_history": log}
    path.write_text(json.dumps(state))


def findings(node):
    """Yields every object in a JSON value that looks like a finding."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from findings(item)


def says_overfitting(finding, name):
    """Whether one finding is that of overfitting."""
    names = (finding.get(key) for key in ("id", "check", "detector", "code"))
    return name in names and "slightly" not in str(finding.get("title"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("histories", type=pathlib.Path)
    parser.add_argument("answers", type=pathlib.Path)
    options = parser.parse_args()
    module, before, after, file, name = TOOLS[options.tool]
    command = importlib.import_module(module).main
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / file
        for run in json.loads(options.histories.read_text()):
            write(run, path)
            out = io.StringIO()
            # The commands exit with a status of their own.
            leave = contextlib.suppress(SystemExit)
            with contextlib.redirect_stdout(out), leave:
                command([*before, str(path), *after])
            said = findings(json.loads(out.getvalue()))
            answers.append(any(says_overfitting(f, name) for f in said))
    options.answers.write_text(json.dumps(answers))
    print(f"{options.tool}: {sum(answers)} of {len(answers)} overfit")


if __name__ == "__main__":
    main()

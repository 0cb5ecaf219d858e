"""Scores kreg's diagnosis and its peers on labelled training histories.

    python benchmarks/diagnosis.py [HISTORIES.json]

HISTORIES is a list of objects with `train_loss`, `val_loss`, `overfit`, and
optionally `data` (the data set), `borderline`, `best_epoch` and the paired
series `val_rise` and `val_rise_se`; by default the runs in
`tests/diagnosis/data`. Peers whose thresholds are free are shown with the
values their authors or users name; none is tuned here.

PyPI tools take part if `KREG_BENCH_PEERS` names a folder with one file
`<tool>.json` each: a list of booleans, the tool's answer for every history.
So each tool runs in a virtual environment of its own, by
`benchmarks/record_peer.py`.
"""

import argparse
import json
import math
import os
import pathlib

import numpy as np

from kreg.diagnosis import criteria, diagnose

BUNDLED = pathlib.Path(__file__).parents[1] / "tests/diagnosis/data/runs.json"
RESAMPLES = 2000


def early_stopping(patience):
    """Says overfitting if `EarlyStopping(patience)` would have fired."""

    def predict(run):
        best, waited = math.inf, 0
        for loss in run["val_loss"]:
            waited = 0 if loss < best else waited + 1
            best = min(best, loss)
            if waited >= patience:
                return True
        return False

    return predict


def above_minimum(factor):
    """Says overfitting if the last loss is above `factor` times the lowest."""
    return lambda run: run["val_loss"][-1] > factor * min(run["val_loss"])


def spearman(run):
    """Says overfitting if train and validation loss are anticorrelated."""
    ranks = [np.argsort(np.argsort(run[k])) for k in ("train_loss", "val_loss")]
    return bool(np.corrcoef(*ranks)[0, 1] < 0)


def positive(criterion):
    """Says overfitting if a criterion fires; it needs positive losses."""

    def predict(run):
        if min(run["val_loss"] + run["train_loss"]) <= 0:
            return False
        return criterion(run) is not None

    return predict


def kreg_verdict(run, paired=False):
    """Asks kreg, with the paired series or with what a log holds."""
    names = ("val_rise", "val_rise_se") if paired else ()
    series = {name: run[name] for name in names if name in run}
    return diagnose(run["train_loss"], run["val_loss"], **series)


def peers():
    """Returns a dict of name to predictor."""
    rules = {f"final > {c} min": above_minimum(c) for c in (1.02, 1.05, 1.1)}
    rules |= {f"EarlyStopping {p}": early_stopping(p) for p in (3, 5, 10, 20)}
    rules["Spearman < 0"] = spearman
    for alpha in (2, 5):
        rules[f"Prechelt GL {alpha}"] = positive(
            lambda run, a=alpha: criteria.gl(run["val_loss"], a)
        )
    for alpha in (1, 3):
        rules[f"Prechelt PQ {alpha}"] = positive(
            lambda run, a=alpha: criteria.pq(
                run["train_loss"], run["val_loss"], a
            )
        )
    for strips in (2, 4):
        rules[f"Prechelt UP {strips}"] = positive(
            lambda run, s=strips: criteria.up(run["val_loss"], s)
        )
    return rules


def outside_tools(count):
    """Returns a dict of tool to its recorded answers."""
    folder = os.environ.get("KREG_BENCH_PEERS")
    if not folder:
        return {}
    found = {}
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        answers = json.loads(file.read_text())
        if len(answers) != count:
            raise ValueError(f"{file} has {len(answers)} answers, not {count}")
        found[file.stem] = np.array(answers, dtype=bool)
    return found


def f1(truth, said, label):
    """F1 of one class; 0 where it is neither there nor said."""
    hits = np.sum((truth == label) & (said == label))
    total = np.sum(truth == label) + np.sum(said == label)
    return 2 * hits / total if total else 0.0


def macro_f1(truth, said):
    """The mean of both classes' F1."""
    return (f1(truth, said, True) + f1(truth, said, False)) / 2


def interval(truth, said):
    """The 95 % bootstrap interval of macro-F1."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(truth), size=(RESAMPLES, len(truth)))
    scores = [macro_f1(truth[d], said[d]) for d in draws]
    return np.quantile(scores, [0.025, 0.975])


def mcnemar(truth, one, other):
    """The exact two-sided p-value that two tools err equally often."""
    better = int(np.sum((one == truth) & (other != truth)))
    worse = int(np.sum((one != truth) & (other == truth)))
    total, least = better + worse, min(better, worse)
    tail = sum(math.comb(total, k) for k in range(least + 1)) / 2**total
    return better, worse, min(1.0, 2 * tail)


def print_scores(title, answers, truth):
    """Prints a table of scores, the best macro-F1 first."""
    print(f"\n{title}: {len(truth)} runs, {truth.sum()} overfit")
    print(f"{'':22}macro-F1  95 % interval   overfit P/R/F1        fine P/R/F1")
    ranked = sorted(answers, key=lambda name: -macro_f1(truth, answers[name]))
    for name in ranked:
        said = answers[name]
        low, high = interval(truth, said)
        cells = []
        for label in (True, False):
            hits = np.sum((truth == label) & (said == label))
            precision = hits / max(np.sum(said == label), 1)
            recall = hits / max(np.sum(truth == label), 1)
            score = f1(truth, said, label)
            cells.append(f"{precision:.3f} {recall:.3f} {score:.3f}")
        score = macro_f1(truth, said)
        print(f"{name:22}{score:.3f}     {low:.3f}-{high:.3f}     ", end="")
        print("     ".join(cells))


def print_comparison(answers, truth):
    """Prints McNemar's test against the best peer."""
    rivals = [name for name in answers if not name.startswith("kreg")]
    best = max(rivals, key=lambda name: macro_f1(truth, answers[name]))
    better, worse, p = mcnemar(truth, answers["kreg"], answers[best])
    print(
        f"kreg against {best}: right alone {better}, wrong alone {worse}, "
        f"McNemar p = {p:.3f}"
    )


def print_confidence(title, verdicts, truth):
    """Prints how often verdicts of a confidence are right."""
    said = np.array([verdict.overfitting for verdict in verdicts])
    sure = np.array([verdict.confidence for verdict in verdicts])
    print(f"\n{title}: stated confidence, share that is right, runs")
    edges = [0.5, 0.6, 0.7, 0.8, 0.9, 1.01]
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            right = (said == truth)[inside].mean()
            print(f"  {sure[inside].mean():.2f}  {right:.2f}  {inside.sum()}")
    top = np.argsort(-sure, kind="stable")[: round(0.8 * len(sure))]
    print(
        f"  macro-F1 of the surest 80 %: {macro_f1(truth[top], said[top]):.3f}"
    )


def print_epochs(runs, verdicts):
    """Prints the error of best and onset epoch where both say overfitting."""
    errors = [
        (
            verdict.best_epoch - run["best_epoch"],
            verdict.onset_epoch - run["best_epoch"] - 1,
            len(run["val_loss"]),
        )
        for run, verdict in zip(runs, verdicts, strict=True)
        if verdict.overfitting and run["overfit"] and "best_epoch" in run
    ]
    if not errors:
        return
    best, onset, length = np.array(errors).T
    print(f"\nepochs against the test set's best, {len(errors)} runs")
    for name, error in (("best", best), ("onset", onset)):
        print(
            f"  {name:6} median {np.median(error):+.0f}, median size "
            f"{np.median(np.abs(error)):.0f} epochs or "
            f"{np.median(np.abs(error) / length):.1%} of the run"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("histories", nargs="?", default=BUNDLED)
    path = pathlib.Path(parser.parse_args().histories)
    runs = json.loads(path.read_text())
    truth = np.array([run["overfit"] for run in runs])
    verdicts = [kreg_verdict(run) for run in runs]
    paired = [kreg_verdict(run, paired=True) for run in runs]
    answers = {"kreg": np.array([v.overfitting for v in verdicts])}
    answers |= {
        name: np.array([bool(predict(run)) for run in runs])
        for name, predict in peers().items()
    }
    answers |= outside_tools(len(runs))
    borderline = np.array([run.get("borderline", False) for run in runs])
    sets = np.array([run.get("data", "") for run in runs])
    groups = {"all": np.ones(len(runs), bool)}
    if borderline.any():
        groups |= {"clear": ~borderline, "borderline": borderline}
    if len(set(sets)) > 1:
        groups |= {f"{name}": sets == name for name in sorted(set(sets))}
    for title, chosen in groups.items():
        part = {name: said[chosen] for name, said in answers.items()}
        print_scores(title, part, truth[chosen])
        print_comparison(part, truth[chosen])
    print_confidence("from the curves alone", verdicts, truth)
    if any("val_rise" in run for run in runs):
        print_confidence("with the paired series", paired, truth)
    print_epochs(runs, verdicts)


if __name__ == "__main__":
    main()

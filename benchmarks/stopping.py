"""What stopping early costs: kreg's monitor beside Keras's `EarlyStopping`.

    python benchmarks/stopping.py [HISTORIES.json ...]

HISTORIES are lists of objects with `train_loss` and `val_loss`; by default the
runs in `tests/diagnosis/data`. Each run is stopped by each rule. Its regret is
how far the best validation loss seen until then lies above the best of the
whole run, relative to that (at least a hundredth of the first loss, so that
losses of next to nothing do not decide) and capped at 2, as a few such runs
would outweigh all others otherwise. A rule that waits longer has less regret
and saves fewer epochs, so kreg's regret is interpolated, between its own
patiences, at as many epochs saved as `EarlyStopping` saves.
"""

import argparse
import json
import pathlib

import numpy as np

from kreg.callbacks._reactions import Reactions
from kreg.diagnosis import diagnose

BUNDLED = pathlib.Path(__file__).parents[1] / "tests/diagnosis/data/runs.json"
THEIRS = (3, 5, 10, 20, 50)
OURS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160)
CAP = 2.0
RESAMPLES = 1000


class Model:
    """Takes the word of what stops it."""

    stop_training = False


def waits(val):
    """Epochs since the lowest loss so far, at each epoch."""
    best, found = 0, []
    for epoch, loss in enumerate(val):
        best = epoch if loss < val[best] else best
        found.append(epoch - best)
    return found


def their_stop(run, patience):
    """The epoch after which `EarlyStopping(patience)` ends the run."""
    enough = [w >= patience for w in run["waits"]]
    return enough.index(True) if any(enough) else len(enough) - 1


def our_stop(run, patience):
    """The epoch after which `OverfitMonitor(on_overfit="stop")` does."""
    reactions, model = Reactions("stop", patience), Model()
    for epoch, waited in enumerate(run["waits"]):
        reactions.react(waited, lambda e=epoch: judged(run, e), model, epoch)
        if model.stop_training:
            return epoch
    return len(run["waits"]) - 1


def judged(run, epoch):
    """The verdict on the curve until an epoch, found once."""
    found = run["verdicts"]
    if epoch not in found:
        end = epoch + 1
        found[epoch] = diagnose(run["train_loss"][:end], run["val_loss"][:end])
    return found[epoch]


def outcome(run, stop):
    """Regret and epochs saved."""
    val = run["val_loss"]
    best = min(val)
    regret = min(val[: stop + 1]) - best
    return min(regret / max(best, 0.01 * val[0]), CAP), len(val) - 1 - stop


def load(paths):
    """All runs whose losses are finite and positive, ready to be stopped."""
    runs = [
        run for p in paths for run in json.loads(pathlib.Path(p).read_text())
    ]
    runs = [
        run
        for run in runs
        if np.isfinite(run["val_loss"]).all() and min(run["val_loss"]) > 0
    ]
    for run in runs:
        run["waits"], run["verdicts"] = waits(run["val_loss"]), {}
    return runs


def interpolated(ours, saved):
    """The regret of kreg where it saves that many epochs, or NaN."""
    order = np.argsort(ours[:, 1])
    regrets, epochs = ours[order].T
    if not epochs[0] <= saved <= epochs[-1]:
        return np.nan
    return float(np.interp(saved, epochs, regrets))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", default=[BUNDLED])
    runs = load(parser.parse_args().paths)
    # Both of shape (patience, run, 2).
    theirs = np.array(
        [[outcome(r, their_stop(r, p)) for r in runs] for p in THEIRS]
    )
    ours = np.array([[outcome(r, our_stop(r, p)) for r in runs] for p in OURS])
    random = np.random.default_rng(0)
    drawn = random.integers(len(runs), size=(RESAMPLES, len(runs)))
    print(f"{len(runs)} runs; regret at equally many epochs saved\n")
    print("| patience | saved | EarlyStopping | kreg | ratio, 90 % |")
    print("| --- | --- | --- | --- | --- |")
    for row, patience in zip(theirs, THEIRS, strict=True):
        regret, saved = row.mean(0)
        at_equal = interpolated(ours.mean(1), saved)
        ratios = []
        for chosen in drawn:
            peer, epochs = row[chosen].mean(0)
            mine = interpolated(ours[:, chosen].mean(1), epochs)
            ratios.append(mine / peer if peer else np.nan)
        # Where the peer had no regret, or no patience saves as much, is none.
        known = [ratio for ratio in ratios if np.isfinite(ratio)] or [np.nan]
        low, high = np.quantile(known, [0.05, 0.95])
        ratio = at_equal / regret if regret else np.nan
        print(
            f"| {patience} | {saved:.1f} | {regret:.4f} | {at_equal:.4f} "
            f"| {ratio:.2f} ({low:.2f} to {high:.2f}) |"
        )


if __name__ == "__main__":
    main()

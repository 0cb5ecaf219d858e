"""How much the score of kreg's diagnosis depends on each of its constants.

    python benchmarks/sensitivity.py [HISTORIES.json ...]

HISTORIES are as in `benchmarks/diagnosis.py`, by default the runs in
`tests/diagnosis/data`. Each number in `kreg/diagnosis/_constants.py` is halved
and doubled, each weight of a tuple left out, and the macro-F1 printed beside
the one as it stands. What is within the standard error is not known to matter.
"""

import argparse
import json
import pathlib

import numpy as np
from diagnosis import BUNDLED, macro_f1

from kreg.diagnosis import _constants, diagnose

RESAMPLES = 200


def variations(value):
    """Yields what to try in place of a constant, and its name."""
    if isinstance(value, tuple):
        for index in range(len(value)):
            yield (*value[:index], 0.0, *value[index + 1 :]), f"[{index}] = 0"
        return
    for factor in (0.5, 2):
        changed = value * factor
        # Counts stay counts, and the fewest that can be smoothed is three.
        changed = max(3, round(changed)) if isinstance(value, int) else changed
        if changed != value:
            yield changed, f"= {changed:g}"


def answers(runs):
    """What kreg says of every run."""
    verdicts = (diagnose(run["train_loss"], run["val_loss"]) for run in runs)
    return np.array([verdict.overfitting for verdict in verdicts])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", default=[BUNDLED])
    paths = map(pathlib.Path, parser.parse_args().paths)
    runs = [run for path in paths for run in json.loads(path.read_text())]
    truth = np.array([run["overfit"] for run in runs])
    said = answers(runs)
    score = macro_f1(truth, said)
    rng = np.random.default_rng(0)
    draws = rng.integers(len(runs), size=(RESAMPLES, len(runs)))
    error = np.std([macro_f1(truth[d], said[d]) for d in draws])
    print(f"{len(runs)} runs: macro-F1 {score:.3f}, standard error {error:.3f}")
    for name, value in vars(_constants).items():
        # The confidence decides nothing.
        if not name.isupper() or name.startswith("SURE"):
            continue
        for changed, what in variations(value):
            setattr(_constants, name, changed)
            now = answers(runs)
            setattr(_constants, name, value)
            print(
                f"{name + ' ' + what:28}{macro_f1(truth, now):.3f}  "
                f"{macro_f1(truth, now) - score:+.3f}  "
                f"{np.sum(now != said)} verdicts change",
                flush=True,
            )


if __name__ == "__main__":
    main()

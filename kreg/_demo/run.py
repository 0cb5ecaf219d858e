"""The whole demo: trains, searches, prints and draws."""

import os
import time
from collections.abc import Callable

import keras

from kreg._demo import network, variants
from kreg._demo.data import Data, load
from kreg._demo.network import Result
from kreg._demo.table import table
from kreg.reports._matplotlib import figure_class

EPOCHS = 20
TRIALS = 16
SEEDS = 3


def run(
    output: str,
    epochs: int = EPOCHS,
    trials: int = TRIALS,
    seeds: int = SEEDS,
    write: Callable[[str], None] = print,
) -> None:
    """Runs the demo.

    Args:
        output: String. Directory for the pictures; made if it is not there.
        epochs: Integer >= 1. Epochs of each training. Defaults to `20`.
        trials: Integer >= 1. Trials of the search. Defaults to `16`.
        seeds: Integer >= 1. Trainings of each variant. Defaults to `3`.
        write: Called with each line of text. Defaults to `print`.

    Raises:
        ImportError: If mlxtend or Matplotlib is not installed.
    """
    started = time.monotonic()
    figure_class()  # raises now, not after two minutes of training
    os.makedirs(output, exist_ok=True)
    data = load()
    write(_opening(data, epochs, seeds))
    results = {
        variant.name: _train(variant, data, epochs, seeds, write)
        for variant in variants.given(data, epochs)
    }
    write(
        f"Searching lambda and rate, {trials} trials. The best, by validation "
        "loss without penalty:"
    )
    found = variants.search(
        data, epochs, trials, lambda line: write(f"  {line}")
    )
    name = found.variant.name
    results[name] = _train(found.variant, data, epochs, seeds, write)
    write("")
    write(_explanation(data, epochs, seeds))
    write("")
    write(table(results))
    write("")
    pictures = _draw(results, output)
    for line in _ending(results, found, pictures):
        write(line)
    write(f"Took {time.monotonic() - started:.0f} s.")


def _opening(data: Data, epochs: int, seeds: int) -> str:
    return (
        f"kreg demo on {keras.backend.backend()}: {len(data.train.x):,} "
        "training images of MNIST and a network that overfits, trained four "
        f"ways for {epochs} epochs with {seeds} seeds each."
    )


def _train(
    variant: variants.Variant,
    data: Data,
    epochs: int,
    seeds: int,
    write: Callable[[str], None],
) -> list[Result]:
    write(f"Training: {variant.name}")
    results = []
    for seed in range(seeds):
        result = network.train(variant.build, data, epochs, seed)
        write(
            f"  seed {seed}: test loss {result.last_loss:.4f}, "
            f"{result.monitor.verdict.status}"
        )
        results.append(result)
    return results


def _explanation(data: Data, epochs: int, seeds: int) -> str:
    spread = f"\n- mean (and standard deviation) over {seeds} seeds"
    return (
        f"Measured on {len(data.test.x):,} images that chose nothing:\n"
        f"- last: after {epochs} epochs; best: at the epoch with the least "
        "validation loss\n"
        "- gap: validation loss - training loss, both without dropout, after "
        "the last epoch\n"
        "- no loss contains a penalty"
        f"{spread if seeds > 1 else ''}"
    )


def _draw(results: dict[str, list[Result]], output: str) -> list[str]:
    names = ("unregularized", "textbook", "scheduled", "searched")
    return [
        runs[0].monitor.plot(os.path.join(output, f"{name}.png"))
        for name, runs in zip(names, results.values(), strict=True)
    ]


def _ending(
    results: dict[str, list[Result]], found: variants.Found, paths: list[str]
) -> list[str]:
    lines = [
        f"Verdict, {name}, seed 0: {runs[0].monitor.verdict}"
        for name, runs in results.items()
        if name in ("no regularization", found.variant.name)
    ]
    lambda_ = f"L2 {found.l2:.2g}" if found.l2 else "no L2"
    return [
        *lines,
        f"Best strengths: {lambda_}, dropout {found.rate:.2g} (both hidden "
        f"layers); validation loss {found.val_data_loss:.4f} at best",
        f"Curves: {', '.join(paths)}",
    ]

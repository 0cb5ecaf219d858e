"""Peak memory of a population and of a search, by what their states need.

    python benchmarks/memory.py [--trials 8] [--units 2048] [--epochs 2]

The states of K trials are K times the weights of a network and the two moments
that Adam keeps of each. Printed is how much more memory the process held at its
peak than before the first model was built, in bytes and divided by the states'.
A small population was trained before, so that what the libraries and their
compilers need for themselves is not counted; nor is the data. The network is
784-units-units-10, wide enough for its states to be most of the process.

    function    `Population` of a function and values, `fit`
    models      `Population` of as many models, `fit`, the best epoch kept
    search      `RandomSearch.search`

Each in a process of its own. Linux. Run it per backend with KERAS_BACKEND.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

KINDS = ("function", "models", "search")


class Middle:
    """Hyperparameters in the middle of their ranges."""

    def Float(self, name, low, high, **_):
        return (low + high) / 2


def network(hp, units):
    l2 = keras.regularizers.L2(hp.Float("l2", 1e-6, 1e-3))
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(units, "relu", kernel_regularizer=l2),
            layers.Dropout(hp.Float("rate", 0.0, 0.7)),
            layers.Dense(units, "relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def weights_of(units):
    return sum(
        a * b + b for a, b in ((784, units), (units, units), (units, 10))
    )


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(640, 784)).astype("float32")
    y = random.integers(10, size=640).astype("int32")
    return x[:512], y[:512], x[512:], y[512:]


def function(options, units, folder):
    import kreg

    x, y, *validation = data()
    values = {"learning_rate": [1e-3] * options.trials}
    population = kreg.population.Population(
        lambda: network(Middle(), units), values
    )
    population.fit(x, y, validation_data=validation, epochs=options.epochs)


def models(options, units, folder):
    import kreg

    x, y, *validation = data()
    population = kreg.population.Population(
        [network(Middle(), units) for _ in range(options.trials)]
    )
    population.fit(
        x,
        y,
        validation_data=validation,
        epochs=options.epochs,
        keep_best="val_data_loss",
    )


def search(options, units, folder):
    import kreg

    x, y, *validation = data()
    tuner = kreg.tuners.RandomSearch(
        lambda hp: network(hp, units),
        max_trials=options.trials,
        population=options.trials,
        seed=1,
        directory=folder,
        project_name=f"of_{units}",
    )
    tuner.search(
        x, y, validation_data=validation, epochs=options.epochs, verbose=0
    )


def memory(field):
    """Returns a line of the state of this process, in bytes."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[field].split()[0]) * 1024


def one(options):
    """Prints the bytes at the peak of one kind as a line of JSON."""
    run = {"function": function, "models": models, "search": search}
    with tempfile.TemporaryDirectory() as folder:
        run[options.one](options, 8, folder)
        before = memory("VmRSS")
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak begins anew
        run[options.one](options, options.units, folder)
    print(json.dumps(memory("VmHWM") - before))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--units", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options)
        return
    states = 3 * 4 * options.trials * weights_of(options.units)
    print(
        f"backend {keras.backend.backend()}, {options.trials} trials of "
        f"784-{options.units}-{options.units}-10: "
        f"states of {states / 2**20:.0f} MiB"
    )
    for kind in [options.only] if options.only else KINDS:
        command = [sys.executable, __file__, "--one", kind]
        for name in ("trials", "units", "epochs"):
            command += [f"--{name}", str(getattr(options, name))]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True
        )
        peak = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{kind:10}{peak / 2**20:8.0f} MiB{peak / states:7.2f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()

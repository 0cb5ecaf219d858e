"""Measures `predict` before and after `kreg.compact`.

    python benchmarks/compact.py [--kept FRACTION] [--samples N]

On the 784-512-256-10 network of `examples/compress.py` with random weights,
of which all but a fraction of the units (and of the inputs) are set to zero
as a group lasso would. Models take turns, so that a busy machine slows both;
the shortest and the median times are shown.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import kreg

SIZES = (784, 512, 256, 10)


def network(kept):
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((SIZES[0],))])
    for units in SIZES[1:]:
        is_last = units == SIZES[-1]
        model.add(
            keras.layers.Dense(units, activation=None if is_last else "relu")
        )
    for layer in model.layers:  # rows: what leaves an input or a unit
        kernel = keras.ops.convert_to_numpy(layer.kernel).copy()
        kernel[random.random(len(kernel)) >= kept] = 0.0
        layer.kernel.assign(kernel)
    return model


def times(models, x, repeats):
    """Returns the milliseconds of each `predict`, the models in turns."""
    found = [[] for _ in models]
    for _ in range(repeats + 1):
        for model, measured in zip(models, found, strict=True):
            start = time.perf_counter()
            model.predict(x, batch_size=len(x), verbose=0)
            measured.append(1000 * (time.perf_counter() - start))
    return [measured[1:] for measured in found]  # the first one compiles


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", type=float, default=0.3)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    model = network(arguments.kept)
    small, report = kreg.compact(model, report=True)
    x = np.random.default_rng(1).random((arguments.samples, SIZES[0]))
    x = x.astype("float32")
    a, b = model.predict(x, verbose=0), small.predict(x, verbose=0)
    print(report)
    print(
        f"largest relative difference: {np.abs(a - b).max() / np.abs(a).max()}"
    )
    before, after = times([model, small], x, arguments.repeats)
    for name, measured in (("before", before), ("after", after)):
        print(
            f"{name:<8}{min(measured):8.2f} ms shortest"
            f"{statistics.median(measured):8.2f} ms median"
        )
    ratio = statistics.median(before) / statistics.median(after)
    print(f"{ratio:.2f} times as fast, on {keras.backend.backend()}")


if __name__ == "__main__":
    main()

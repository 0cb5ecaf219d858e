"""Times kreg's dropout against `keras.layers.Dropout`, side by side.

    KERAS_BACKEND=tensorflow python benchmarks/dropout.py

The two take turns within each repetition, so that whatever else the machine
does strikes both. Printed: the median milliseconds of each, and the median
of the ratios of pairs, above 1 where kreg is faster.
"""

import argparse
import statistics
import time

import keras
import numpy as np
from keras import ops

import kreg

SHAPES = ((256, 1024), (256, 4096), (256, 16384), (32, 32, 32, 64))
RATE = 0.4


def compiled(function):
    """Returns `function`, compiled as `fit` compiles on this backend."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    return function


def forward(layer, x):
    """Returns a function that runs the layer once, in training."""
    if keras.backend.backend() == "jax":
        import jax

        step = jax.jit(
            lambda state, x: layer.stateless_call([], state, x, training=True)
        )
        state = [ops.convert_to_tensor(v) for v in layer.variables]

        def run():
            outputs, _ = step(state, x)
            outputs.block_until_ready()

        return run
    step = compiled(lambda x: layer(x, training=True))
    return lambda: step(x)


def train_step(layer, x):
    """Returns a function that runs one training step of a small model."""
    flat = [keras.layers.Flatten()] if x.ndim == 2 else []
    pool = [keras.layers.GlobalAveragePooling2D()] if x.ndim == 4 else []
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layer,
            *flat,
            *pool,
            keras.layers.Dense(8),
        ]
    )
    model.compile("sgd", "mse")
    array = ops.convert_to_numpy(x)
    y = np.zeros((len(array), 8), "float32")
    return lambda: model.train_on_batch(array, y)


def interleaved(ours, theirs, repetitions):
    """Returns seconds of each of the two, in pairs, after warming up."""
    times = []
    for index in range(repetitions + 3):
        pair = []
        runs = (ours, theirs) if index % 2 else (theirs, ours)
        for run in runs:
            start = time.perf_counter()
            run()
            pair.append(time.perf_counter() - start)
        times.append(pair if index % 2 else pair[::-1])
    return times[3:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=50)
    repetitions = parser.parse_args().repetitions
    print(f"{keras.backend.backend()}, median of {repetitions} pairs")
    print(f"{'shape':>20}  {'what':<10} {'kreg':>9} {'keras':>9}  ratio")
    for shape in SHAPES:
        x = ops.convert_to_tensor(
            np.random.default_rng(0).normal(size=shape).astype("float32")
        )
        for name, make in (("forward", forward), ("train step", train_step)):
            times = interleaved(
                make(kreg.layers.ScheduledDropout(RATE, seed=1), x),
                make(keras.layers.Dropout(RATE, seed=1), x),
                repetitions,
            )
            ours, theirs = (
                statistics.median(t) for t in zip(*times, strict=True)
            )
            ratio = statistics.median(b / a for a, b in times)
            print(
                f"{str(shape):>20}  {name:<10} {1e3 * ours:7.2f}ms "
                f"{1e3 * theirs:7.2f}ms {ratio:6.2f}"
            )


if __name__ == "__main__":
    main()

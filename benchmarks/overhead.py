"""What kreg costs: training steps side by side with Keras's own.

    python benchmarks/overhead.py [--rounds 15]
    KERAS_BACKEND=jax python benchmarks/overhead.py

Each row is one model, built twice: with Keras's part and with kreg's. The two
are timed in turn, round by round, so that a machine that slows down slows down
both; the ratio is the median over the rounds of kreg's time by Keras's.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import kreg

STEPS = 20  # in a round
STEPS_OF_FIT = 100
Dense = keras.layers.Dense


def stack(depth, units, make_penalty, make_noise=None):
    """A compiled chain of Dense layers, each with a penalty (and noise)."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((units,))]
    for _ in range(depth):
        penalty = make_penalty() if make_penalty else None
        layers.append(Dense(units, "relu", kernel_regularizer=penalty))
        if make_noise:
            layers.append(make_noise())
    model = keras.Sequential([*layers, Dense(1)])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    return model


def rows():
    """(name, batch size, units, depth, Keras's arguments, kreg's)."""
    keras_l2, kreg_l2 = keras.regularizers.L2, kreg.regularizers.L2
    keras_drop = keras.layers.Dropout
    kreg_drop = kreg.layers.ScheduledDropout
    ramp = kreg.schedules.Ramp(1000)
    return [
        (
            "L2 on 1 Dense(1024)", 256, 1024, 1,
            (lambda: keras_l2(1e-4),), (lambda: kreg_l2(1e-4),),
        ),
        (
            "L2 on 100 Dense(64)", 64, 64, 100,
            (lambda: keras_l2(1e-4),), (lambda: kreg_l2(1e-4),),
        ),
        (
            "L2 on 100 Dense(256)", 128, 256, 100,
            (lambda: keras_l2(1e-4),), (lambda: kreg_l2(1e-4),),
        ),
        (
            "Dropout after 1 Dense(1024)", 256, 1024, 1,
            (None, lambda: keras_drop(0.5)), (None, lambda: kreg_drop(0.5)),
        ),
        (
            "the same, rate on a Ramp", 256, 1024, 1,
            (None, lambda: keras_drop(0.5)),
            (None, lambda: kreg_drop(0.5, ramp)),
        ),
        (
            "Dropout after 10 Dense(256)", 128, 256, 10,
            (None, lambda: keras_drop(0.5)), (None, lambda: kreg_drop(0.5)),
        ),
    ]  # fmt: skip


def round_ms(model, x, y):
    """Milliseconds of a training step, mean over one round."""
    begin = time.perf_counter()
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    return (time.perf_counter() - begin) / STEPS * 1e3


def fit_ms(model, x, y):
    """Milliseconds of a step of `fit` with batches of this size."""
    x, y = (np.repeat(array, STEPS_OF_FIT, 0) for array in (x, y))
    begin = time.perf_counter()
    model.fit(x, y, batch_size=len(x) // STEPS_OF_FIT, verbose=0)
    return (time.perf_counter() - begin) / STEPS_OF_FIT * 1e3


def compare(models, x, y, rounds, time_of=round_ms):
    """Times both models in turn; returns two medians and the ratio's."""
    for model in models:
        time_of(model, x, y)  # trace, compile, warm up
    pairs = [[time_of(model, x, y) for model in models] for _ in range(rounds)]
    theirs, ours = (
        statistics.median(times) for times in zip(*pairs, strict=True)
    )
    return theirs, ours, statistics.median(b / a for a, b in pairs)


class Timed(kreg.callbacks.OverfitMonitor):
    """A monitor that adds up the time of its own hooks, less the probe's."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seconds = 0.0
        for hook in ("on_epoch_begin", "on_test_end", "on_epoch_end"):
            setattr(self, hook, self.timed(getattr(self, hook), 1))
        self._probe.loss = self.timed(self._probe.loss, -1)

    def timed(self, function, sign):
        def wrapped(*args, **kwargs):
            begin = time.perf_counter()
            result = function(*args, **kwargs)
            self.seconds += sign * (time.perf_counter() - begin)
            return result

        return wrapped


def monitor_row(depth, units, samples, epochs=4):
    """Milliseconds an epoch of `fit`, and of the monitor in it."""
    random = np.random.default_rng(0)
    x = random.normal(size=(samples, units)).astype("float32")
    y = x[:, :1]
    model = stack(depth, units, lambda: kreg.regularizers.L2(1e-4))
    arguments = {
        "batch_size": 64,
        "validation_data": (x[:1024], y[:1024]),
        "verbose": 0,
    }
    model.fit(x, y, callbacks=[Timed(train_data=(x, y))], **arguments)
    monitor = Timed(train_data=(x, y))
    begin = time.perf_counter()
    model.fit(x, y, epochs=epochs, callbacks=[monitor], **arguments)
    total = (time.perf_counter() - begin) / epochs
    return total * 1e3, monitor.seconds / epochs * 1e3


def print_row(row, rounds, time_of=round_ms):
    name, batch, units, depth, theirs, ours = row
    x = np.random.default_rng(0).normal(size=(batch, units)).astype("float32")
    models = [stack(depth, units, *theirs), stack(depth, units, *ours)]
    keras_ms, kreg_ms, ratio = compare(models, x, x[:, :1], rounds, time_of)
    print(
        f"| {name} | {batch} | {keras_ms:.2f} | {kreg_ms:.2f} | {ratio:.2f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    backend = keras.backend.backend()
    print(f"Training step on {backend}, {rounds} rounds of {STEPS} steps\n")
    print("| model | batch | Keras ms | kreg ms | kreg / Keras |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows():
        print_row(row, rounds)
        if row[0] == "L2 on 100 Dense(64)":
            print_row(("the same, in `fit`", *row[1:]), rounds, fit_ms)
    print("\n| monitored fit | epoch ms | monitor ms | share |")
    print("| --- | --- | --- | --- |")
    for depth, units, samples in ((2, 256, 8192), (100, 64, 8192)):
        epoch, monitor = monitor_row(depth, units, samples)
        print(
            f"| {depth} Dense({units}), {samples} samples | {epoch:.0f} "
            f"| {monitor:.2f} | {monitor / epoch:.2%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

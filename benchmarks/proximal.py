"""What the proximal step costs: a training step with and without it.

    python benchmarks/proximal.py

Times one call of the optimizer and one whole training step, for 10 and for
200 weight matrices of 64 x 64, with and without `Proximal`. The two are timed
in turns and compared by their medians, so that both see the same load of the
machine. Run it per backend with KERAS_BACKEND.
"""

import statistics
import sys
import time

import keras
import numpy as np

import kreg

WIDTH, BATCH, STEPS = 64, 256, 30


class Batches(keras.utils.PyDataset):
    """The same batch, `STEPS` times an epoch."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(0)
        self.x = random.normal(size=(BATCH, WIDTH)).astype("float32")

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return self.x, self.x


def network(depth, optimizer):
    layers = [keras.layers.Dense(WIDTH, "tanh") for _ in range(depth)]
    model = keras.Sequential([keras.Input((WIDTH,)), *layers])
    model.compile(optimizer, "mse")
    return model


def milliseconds(model, data):
    start = time.perf_counter()
    model.fit(data, verbose=0)
    return 1000 * (time.perf_counter() - start) / STEPS


def compare(depth, inner, penalty, repetitions):
    plain = network(depth, inner())
    proximal = network(depth, kreg.optimizers.Proximal(inner(), penalty()))
    data = Batches()
    times = [[], []]
    for repetition in range(repetitions + 1):
        for model, record in zip((plain, proximal), times, strict=True):
            taken = milliseconds(model, data)
            if repetition:  # the first one compiles
                record.append(taken)
    without, with_it = map(statistics.median, times)
    return without, with_it, with_it / without


def main(repetitions=7):
    R, K = kreg.regularizers, keras.optimizers
    print(f"backend {keras.backend.backend()}, ms a training step")
    print("weights  optimizer  penalty       without     with    ratio")
    for depth in (10, 200):
        for optimizer, inner in (
            ("SGD", lambda: K.SGD(1e-3)),
            ("Adam", lambda: K.Adam(1e-4)),
        ):
            for name, penalty in (
                ("L1", lambda: R.L1(1e-4)),
                ("GroupLasso", lambda: R.GroupLasso(1e-4)),
            ):
                without, with_it, ratio = compare(
                    depth, inner, penalty, repetitions
                )
                print(
                    f"{depth:7}  {optimizer:9}  {name:12}"
                    f"{without:9.2f}{with_it:9.2f}{ratio:8.2f}x",
                    flush=True,
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

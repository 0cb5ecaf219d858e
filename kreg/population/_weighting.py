"""Sample weights, as Keras makes them of class weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kreg._validation import fail


def weighted(tree: Any, class_weight: Mapping[int, float] | None) -> Any:
    """Returns samples with weights.

    Args:
        tree: Tuple `(x, y, sample_weight)` of arrays. `y` is class indices, or
            one-hot rows.
        class_weight: Mapping of class index to weight, or `None`; classes
            that it lacks have weight 1.

    Raises:
        ValueError: If there are weights already, or `y` is nested.
    """
    if class_weight is None:
        return tree
    if not isinstance(class_weight, Mapping):
        fail("class_weight", "a mapping of classes to weights", class_weight)
    x, y, sample_weight = tree
    if sample_weight is not None:
        fail("class_weight", "`None` beside `sample_weight`", class_weight)
    if y is None or not hasattr(y, "__array__"):
        fail("class_weight", "`None` where `y` is nested", class_weight)
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = np.rint(labels.reshape(len(labels), -1)[:, 0]).astype(int)
    known = {int(key): float(value) for key, value in class_weight.items()}
    weights = [known.get(label, 1.0) for label in labels.tolist()]
    return x, y, np.array(weights, "float32")

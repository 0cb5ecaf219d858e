"""A stop that an earlier process decided on, and was killed before."""

from typing import Any

import numpy as np


class OverdueStop:
    """Lets the epoch that Keras has begun go by without a trace.

    A callback learns in which epoch `fit` resumes only when that epoch begins,
    and Keras looks at `stop_training` only after a batch of it.
    """

    def __init__(self) -> None:
        self._weights: list[np.ndarray] | None = None

    def __bool__(self) -> bool:
        return self._weights is not None

    def begin(self, model: Any) -> None:
        """Keeps the weights, and stops `model` after one batch."""
        self._weights = [np.array(w) for w in model.get_weights()]
        model.stop_training = True

    def end(self, model: Any) -> None:
        """Gives the weights back, if there was such a stop."""
        if self._weights is not None:
            model.set_weights(self._weights)
            self._weights = None

"""Measures trials, and predicts with them, without training."""

from typing import Any

import keras
import numpy as np

from kreg.population._data import Arrays


def measured(engine: Any, data: Arrays) -> dict[str, np.ndarray]:
    """Returns the logs of all rows of an engine at inference."""
    engine.reset_metrics()
    for piece in data.pieces(engine, np.arange(data.size)):
        engine.test(*piece)
    return dict(engine.results())


def predicted(engine: Any, data: Arrays) -> Any:
    """Returns the outputs of all rows, `(rows, samples, ...)`."""
    parts = [
        engine.predict(engine.to_device(data.rows(begin)[0]))
        for begin in range(0, data.size, data.batch_size)
    ]
    return keras.tree.map_structure(
        lambda *arrays: np.concatenate(arrays, 1), *parts
    )

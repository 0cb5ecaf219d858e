"""Keeps the weights of the best epoch, in memory or in a file."""

import contextlib
import math
import os
import warnings
from typing import Any

import numpy as np

from kreg._validation import fail

_SUFFIX = ".weights.h5"


class BestWeights:
    """The weights of the epoch with the lowest validation loss so far.

    Args:
        path: String or path ending in `.weights.h5`, where they are kept; or
            `None` for memory.

    Attributes:
        epoch: Integer, the epoch they are of, or `None`.
        loss: Float, its validation loss; infinite if there is none.

    Raises:
        ValueError: If `path` ends in anything else.
    """

    def __init__(self, path: str | os.PathLike | None = None):
        if path is not None:
            is_path = isinstance(path, (str, os.PathLike))
            if not is_path or not os.fspath(path).endswith(_SUFFIX):
                fail("best_weights", f"a path ending in `{_SUFFIX}`", path)
        self._path = None if path is None else os.fspath(path)
        self.forget()

    def forget(self) -> None:
        """Starts anew."""
        self.epoch: int | None = None
        self.loss = math.inf
        self._kept: list[np.ndarray] | None = None

    def resume(self, epoch: int, loss: float) -> None:
        """Goes on from what an earlier process kept."""
        if self._path is None or not os.path.exists(self._path):
            warnings.warn(
                f"The weights of the best epoch so far, {epoch}, were lost "
                "with the process that trained it. Pass "
                f"`best_weights='best{_SUFFIX}'` to keep them in a file.",
                stacklevel=2,
            )
            return
        self.epoch, self.loss = epoch, loss

    def consider(self, model: Any, epoch: int, loss: float) -> None:
        """Keeps the weights of `model` if `loss` is the lowest so far."""
        if not loss < self.loss:  # NaN is not lower
            return
        if self._path is None:
            # Copied: on some devices these are views of what is trained on.
            self._kept = [np.array(w) for w in model.get_weights()]
        else:
            _save(model, self._path)
        self.epoch, self.loss = epoch, loss

    def restore(self, model: Any) -> None:
        """Gives the kept weights back to `model`."""
        if self._path is None:
            model.set_weights(self._kept)
        else:
            model.load_weights(self._path)


def _save(model: Any, path: str) -> None:
    """Writes beside the path, then replaces: nobody finds half a file."""
    directory, name = os.path.split(path)
    if directory:
        os.makedirs(directory, exist_ok=True)
    temporary = os.path.join(directory, f".{os.getpid()}-{name}")
    try:
        model.save_weights(temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise

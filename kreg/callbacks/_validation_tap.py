"""Sees the validation data of a running `fit`."""

from collections.abc import Iterator
from typing import Any

import keras

from kreg.callbacks import _batches


class ValidationTap:
    """Notes the data that `fit` hands to `model.evaluate`.

    Keras gives callbacks no access to it, and `fit` passes it to nothing but
    the model's public `evaluate`. So for the one call to come, a function that
    notes the arguments stands before that method, and takes itself away.
    Only models with activity penalties need this: what those are worth on the
    validation data can be known from the data alone.
    """

    def __init__(self) -> None:
        self._call: dict[str, Any] | None = None

    def install(self, model: Any) -> None:
        """Puts the tap before the next `evaluate` that `fit` calls."""
        self.remove(model)
        evaluate = model.evaluate

        def noting(x: Any = None, y: Any = None, *args: Any, **kwargs: Any):
            # `fit` alone hands its list of callbacks on; another callback
            # that evaluates, on data of its own, does not.
            if isinstance(
                kwargs.get("callbacks"), keras.callbacks.CallbackList
            ):
                self.remove(model)
                self._call = {"x": x, "y": y, **kwargs}
            return evaluate(x, y, *args, **kwargs)

        model.evaluate = noting

    @staticmethod
    def remove(model: Any) -> None:
        """Takes the tap away, if `evaluate` was not called."""
        if "evaluate" in vars(model):
            del model.evaluate

    def first_batch(self) -> tuple[Any, Any, Any] | None:
        """Returns `(x, y, sample_weight)`, or `None` of a generator."""
        call = self._call or {}
        data = call.get("x"), call.get("y"), call.get("sample_weight")
        if _batches.is_arrays(data[0]):
            batches: Any = _batches.cut(data, call.get("batch_size") or 32)
        elif data[0] is None or iter(data[0]) is data[0]:
            return None
        else:
            batches = data[0]
        return keras.utils.unpack_x_y_sample_weight(next(iter(batches)))

    def inputs(self) -> Iterator[tuple[Any, int]]:
        """Yields `(x, number of samples)` for each validation batch.

        Raises:
            ValueError: If the data was a generator, which is used up.
        """
        call = self._call or {}
        data = call["x"]
        if _batches.is_arrays(data):
            batches: Any = _batches.cut((data,), call.get("batch_size") or 32)
        elif iter(data) is data:
            raise ValueError(
                "`val_data_loss` of a model with activity penalties needs "
                "validation data that can be read again. Pass arrays or a "
                "dataset as `validation_data`, not a generator."
            )
        else:
            batches = data
        steps = call.get("steps")
        for index, batch in enumerate(batches):
            if index == steps:
                return
            x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            yield x, _batches.sample_count(x)

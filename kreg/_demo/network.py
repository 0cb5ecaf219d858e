"""The demo's network, and one training of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kreg._demo.data import Data, Part
from kreg.callbacks import OverfitMonitor

UNITS = 256
BATCH_SIZE = 64
LEARNING_RATE = 2e-3


class Result(NamedTuple):
    """What came of one training.

    Attributes:
        last_loss: Test loss after the last epoch.
        best_loss: Test loss at the epoch with the least validation loss.
        best_accuracy: Test accuracy at that epoch.
        monitor: The monitor that watched it.
    """

    last_loss: float
    best_loss: float
    best_accuracy: float
    monitor: OverfitMonitor


def network(penalties: list[Any], dropouts: list[Any]) -> keras.Model:
    """Returns a compiled classifier with two hidden layers.

    Args:
        penalties: Two penalties on the kernels of the hidden layers.
        dropouts: Two layers, one behind each hidden layer.
    """
    hidden = [
        layer
        for index, (penalty, dropout) in enumerate(
            zip(penalties, dropouts, strict=True), start=1
        )
        for layer in (
            keras.layers.Dense(
                UNITS,
                "relu",
                kernel_regularizer=penalty,
                name=f"hidden_{index}",
            ),
            dropout,
        )
    ]
    model = keras.Sequential(
        [keras.Input((784,)), *hidden, keras.layers.Dense(10)]
    )
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(
    build: Callable[[], keras.Model], data: Data, epochs: int, seed: int
) -> Result:
    """Trains what `build` returns, and tests its last and its best weights.

    Args:
        build: Function that returns a compiled model.
        data: What to train, validate and test with.
        epochs: Integer >= 1.
        seed: Integer. Seed of the weights, the batches and the noise.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = build()
    monitor = OverfitMonitor(train_data=tuple(data.train))
    last = TestAtEnd(data.test)
    best = keras.callbacks.EarlyStopping(
        "val_data_loss", mode="min", patience=epochs, restore_best_weights=True
    )
    model.fit(
        **fit_arguments(data, epochs),
        callbacks=[monitor, last, best],  # `best` restores, so it comes last
        verbose=0,
    )
    return Result(last.loss, *test(model, data.test), monitor)


class TestAtEnd(keras.callbacks.Callback):
    """Measures the test loss of the weights after the last epoch."""

    def __init__(self, part: Part):
        super().__init__()
        self.part = part

    def on_train_end(self, logs: Any = None) -> None:
        """Measures."""
        self.loss, _ = test(self.model, self.part)


def fit_arguments(data: Data, epochs: int) -> dict[str, Any]:
    """Returns the arguments that every training shares."""
    return {
        "x": data.train.x,
        "y": data.train.y,
        "validation_data": tuple(data.validation),
        "validation_batch_size": len(data.validation.x),
        "batch_size": BATCH_SIZE,
        "epochs": epochs,
    }


def test(model: keras.Model, part: Part) -> tuple[float, float]:
    """Returns the loss without penalties, and the accuracy."""
    logits = model(part.x, training=False)
    losses = keras.losses.sparse_categorical_crossentropy(
        part.y, logits, from_logits=True
    )
    right = keras.ops.equal(keras.ops.argmax(logits, axis=1), part.y)
    return _mean(losses), _mean(right)


def _mean(values: Any) -> float:
    return float(keras.ops.convert_to_numpy(values).mean())

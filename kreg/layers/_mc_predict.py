"""`mc_predict`: how unsure a model is, by leaving its noise on."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from kreg._structure import walk
from kreg._validation import check_count, check_layer, fail
from kreg.layers._seeds import seed_states
from kreg.layers._substitution import call_with


def mc_predict(
    model: Any,
    x: Any,
    samples: int = 32,
    batch_size: int | None = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Predicts many times with the noise on; returns mean and deviation.

    Monte Carlo dropout: what dropout has learned to average over is sampled,
    and the spread of the samples is a measure of how unsure the model is.
    Layers are called as in training, so noise layers act, of kreg and of
    Keras alike, at their current strength (a schedule that has come down to
    zero leaves no noise). Batch normalization uses its moving statistics, as
    in inference. All samples are drawn in one compiled graph; nothing in the
    model changes, neither steps nor seeds.

    Preprocessing layers in the model that augment images act too.

    Args:
        model: A built Keras model.
        x: Inputs, as `model.predict` takes them.
        samples: Integer >= 2. Number of predictions per input. Defaults to
            `32`.
        batch_size: Optional integer >= 1, as in `model.predict`.
        seed: Optional integer. The same one gives the same samples (on Torch,
            Keras's own dropout without a seed draws from Torch's generator,
            which this leaves alone). Defaults to `None`, other ones at each
            call.

    Returns:
        Tuple of two arrays, or structures of arrays if the model has several
        outputs: the mean of the samples, and their standard deviation (with
        `samples - 1` in the denominator).

    Raises:
        TypeError: If `model` is not a Keras 3 model or layer.
        ValueError: If `samples` is less than 2, or the model is not built.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((3,)),
    ...     kreg.layers.ScheduledDropout(0.5),
    ...     keras.layers.Dense(1),
    ... ])
    >>> mean, stddev = kreg.mc_predict(model, np.ones((2, 3)), samples=10)
    >>> mean.shape, stddev.shape
    ((2, 1), (2, 1))

    References:

    - [Gal & Ghahramani, 2016](https://arxiv.org/abs/1506.02142)
    """
    check_layer(model, "model")
    if not model.built:
        fail("model", "a model that is built, or was called", model)
    if check_count(samples, "samples") < 2:
        fail("samples", "an integer >= 2", samples)
    sampler = _Sampler(model, samples, seed)
    with _normalization_off(model):
        mean, stddev = sampler.predict(x, batch_size=batch_size, verbose=0)
    return mean, stddev


class _Sampler(keras.Model):
    """Returns mean and deviation of `samples` noisy calls of `model`."""

    def __init__(self, model: Any, samples: int, seed: int | None):
        # In float32, so that sums are; the model has policies of its own.
        super().__init__(name="sampler", dtype="float32", autocast=False)
        self.model = model
        self.samples = samples
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Draws the samples, keeping running sums alone."""
        seeds = seed_states(self.model)
        start = self.seed_generator.next()
        states = [
            ops.convert_to_tensor(seed) + ops.cast(start, seed.dtype)
            for seed in seeds
        ]

        def draw(states: list[Any]) -> tuple[list[Any], list[Any]]:
            outputs, _, updates = call_with(
                self.model,
                list(zip(seeds, states, strict=True)),
                lambda: self.model(inputs, training=True),
            )
            moved = {id(variable): value for variable, value in updates}
            flat = [ops.cast(y, "float32") for y in keras.tree.flatten(outputs)]
            structure.append(outputs)
            return flat, [
                moved.get(id(seed), state)
                for seed, state in zip(seeds, states, strict=True)
            ]

        structure: list[Any] = []
        mean, states = draw(states)
        squares = [ops.zeros_like(y) for y in mean]

        def add(index: Any, sums: Any) -> Any:
            mean, squares, states = sums
            outputs, states = draw(states)
            count = ops.cast(index + 1, "float32")
            deltas = [y - m for y, m in zip(outputs, mean, strict=True)]
            mean = [m + d / count for m, d in zip(mean, deltas, strict=True)]
            squares = [
                q + d * (y - m)
                for q, d, y, m in zip(
                    squares, deltas, outputs, mean, strict=True
                )
            ]
            return mean, squares, states

        mean, squares, _ = ops.fori_loop(
            1, self.samples, add, (mean, squares, states)
        )
        stddev = [ops.sqrt(q / (self.samples - 1)) for q in squares]
        pack = keras.tree.pack_sequence_as
        return pack(structure[0], mean), pack(structure[0], stddev)


@contextlib.contextmanager
def _normalization_off(model: Any) -> Iterator[None]:
    """Makes batch normalization use its moving statistics in training.

    Keras does that for a layer which is not trainable.
    """
    layers = [
        layer
        for _, layer in walk(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
    ]
    flags = [(v, v.trainable) for layer in layers for v in layer.weights]
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True
        for variable, flag in flags:
            variable.trainable = flag

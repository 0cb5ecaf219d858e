"""`Mixing`: what layers that mix pairs of samples, labels too, share."""

import warnings
from typing import Any

import keras
from keras import ops

from kreg._validation import check_float_tensor
from kreg.layers._masks import uniform_mask
from kreg.layers._noise import Noise

_KEYS = {"images", "labels"}


class Mixing(Noise):
    """Base class of layers that mix images, and their labels alike.

    The mixing is done by a layer of Keras. This chooses which samples.

    Args:
        mixer: `keras.layers.MixUp` or `keras.layers.CutMix`.
        rate: Float in [0, 1]. Share of the samples to mix.
        **kwargs: Arguments of `NoiseState` and of `keras.layers.Layer`.
    """

    def __init__(self, mixer: Any, rate: float, **kwargs: Any):
        # Labels keep their precision, whatever that of the images is.
        super().__init__(autocast=False, **kwargs)
        # TensorFlow has no kernel for draws from Beta under XLA; Keras then
        # compiles the step without.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        mixer.built = True  # it has no weights
        self.mixer = mixer
        self.rate = self.new_strength("rate", rate, 1.0)

    def add_noise(self, inputs: Any) -> Any:
        """Returns the images and the labels, some of both mixed."""
        mix = self.draw(inputs["images"])
        return {
            "images": self.mix_images(inputs["images"], mix),
            "labels": self.mix_labels(inputs["labels"], mix),
        }

    def draw(self, images: Any) -> tuple[Any, Any]:
        """Draws who is mixed with whom, and which samples stay as they are."""
        samples = ops.shape(images)[0]
        left, _ = uniform_mask((samples,), self.rate.effective, self.draws)
        with warnings.catch_warnings():
            # Keras asks JAX for an int64 permutation, and gets int32.
            warnings.filterwarnings("ignore", ".*requested dtype int64")
            pairs = self.mixer.get_random_transformation(
                images, training=True, seed=self.draws
            )
        return left, pairs

    def mix_images(self, images: Any, mix: tuple[Any, Any]) -> Any:
        """Returns `images`, mixed as `draw` said."""
        left, pairs = mix
        mixed = self.mixer.transform_images(images, pairs, training=True)
        mixed = ops.cast(mixed, images.dtype)
        return ops.where(ops.reshape(left, (-1, 1, 1, 1)), images, mixed)

    def mix_labels(self, labels: Any, mix: tuple[Any, Any]) -> Any:
        """Returns `labels`, mixed as `draw` said."""
        left, pairs = mix
        mixed = self.mixer.transform_labels(
            ops.cast(labels, "float32"), pairs, training=True
        )
        mixed = ops.cast(mixed, labels.dtype)
        return ops.where(ops.reshape(left, (-1, 1)), labels, mixed)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ValueError` unless there are images and soft labels."""
        if not isinstance(inputs, dict) or set(inputs) != _KEYS:
            what = sorted(inputs) if isinstance(inputs, dict) else type(inputs)
            raise ValueError(
                "Invalid value for argument `inputs`. Expected a dict of "
                f'"images" and "labels". Received: {what}'
            )
        check_images(inputs["images"])
        check_labels(inputs["labels"])


def check_images(images: Any) -> None:
    """Raises `ValueError` unless `images` are a batch of float images."""
    check_float_tensor(images, "images")
    if len(images.shape) != 4:
        raise ValueError(
            "Invalid value for argument `images`. Expected a batch of images, "
            f"of rank 4. Received: images of shape {tuple(images.shape)}"
        )


def check_labels(labels: Any) -> None:
    """Raises `ValueError` unless `labels` are floats, one row a sample."""
    shape = tuple(labels.shape)
    if len(shape) != 2:
        raise ValueError(
            "Invalid value for argument `labels`. Expected one-hot or soft "
            "labels of shape (batch_size, classes), which can be mixed. "
            f"Received: labels of shape {shape}"
        )
    check_float_tensor(labels, "labels")

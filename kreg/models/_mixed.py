"""MixUp and CutMix in `fit`, with a step to count."""

import threading
from typing import Any

import keras

from kreg._registration import register
from kreg.layers._mixing import Mixing, check_images, check_labels
from kreg.models._around import Around


@register
class Mixed(Around):
    """Trains a model on images that are mixed, and on their labels alike.

    A layer in a model sees no labels, and a `tf.data` pipeline has no
    training step. This model mixes the images before `model` and the labels
    before the loss, in the compiled step, as `mixing` says.

    Compile and `fit` this model; its weights and predictions are those of
    `model`, which can be used by itself at any time. `evaluate` and `predict`
    mix nothing; metrics in training see the mixed labels, as they would after
    a pipeline that mixes.

    Args:
        model: Keras model or layer that takes a batch of images.
        mixing: `kreg.layers.ScheduledMixUp` or `ScheduledCutMix`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, rows, columns, channels)`.
        training: Boolean; nothing is mixed unless `True`.

    Returns:
        What `model` returns.

    Raises:
        TypeError: If `model` is no Keras 3 model or layer, or `mixing` no
            layer of kreg that mixes.
        ValueError: If the inputs are no images, or the labels are class
            numbers.

    Example:

    >>> model = keras.Sequential([
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(3, activation="softmax"),
    ... ])
    >>> mixing = kreg.layers.ScheduledMixUp(
    ...     0.8, schedule=kreg.schedules.Anneal(steps=1000)
    ... )
    >>> mixed = kreg.models.Mixed(model, mixing)
    >>> mixed.compile("adam", "categorical_crossentropy")
    >>> images, labels = np.ones((4, 8, 8, 1)), np.eye(4, 3)
    >>> history = mixed.fit(images, labels, verbose=0)
    >>> mixing.step
    1

    References:

    - [Zhang et al., 2018](https://arxiv.org/abs/1710.09412)
    - [Yun et al., 2019](https://arxiv.org/abs/1905.04899)
    """

    def __init__(self, model: Any, mixing: Any, **kwargs: Any):
        super().__init__(model, **kwargs)
        if isinstance(mixing, dict):
            mixing = keras.saving.deserialize_keras_object(mixing)
        if not isinstance(mixing, Mixing):
            raise TypeError(
                "Invalid value for argument `mixing`. Expected a "
                "kreg.layers.ScheduledMixUp or ScheduledCutMix. Received: "
                f"mixing={mixing!r} (of type {type(mixing).__name__})"
            )
        self.mixing = mixing
        self.supports_jit = mixing.supports_jit
        # Replicas of `tf.distribute` run in threads of their own.
        self._drawn = threading.local()

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns the predictions; for mixed images if `training`."""
        self._drawn.mix = None
        if not training:
            return self.model(inputs, training=training)
        check_images(inputs)
        mix = self.mixing.draw(inputs)
        outputs = self.model(self.mixing.mix_images(inputs, mix), training=True)
        self.mixing.counter.advance()
        self._drawn.mix = mix
        return outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the loss, of mixed labels if the images were mixed."""
        return super().compute_loss(
            x, self._labels(y), y_pred, sample_weight, training
        )

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Updates the metrics with labels that are mixed as the images."""
        y = self._labels(y)
        self._drawn.mix = None  # the step is over
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _labels(self, y: Any) -> Any:
        check_labels(y)
        mix = getattr(self._drawn, "mix", None)
        return y if mix is None else self.mixing.mix_labels(y, mix)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        mixing = keras.saving.serialize_keras_object(self.mixing)
        return {**super().get_config(), "mixing": mixing}

"""Image augmentation by Keras's layers, as often as a schedule says."""

from typing import Any

import keras
from keras import ops

from kreg._registration import register
from kreg._validation import check_layer, fail, may_be_equal
from kreg.layers._masks import uniform_mask
from kreg.layers._noise import Noise
from kreg.layers._seeds import call_per_replica

_MIXERS = (keras.layers.MixUp, keras.layers.CutMix)


@register
class ScheduledAugmentation(Noise):
    """Augments a share of the samples, which can change in training.

    Wraps an augmentation layer of Keras that leaves labels and shapes as they
    are. With `r = rate * schedule(step)`, each sample becomes

        layer(x)    with probability r
        x           else

    Around `keras.layers.RandomErasing` it is Cutout on a schedule. It acts
    only in training, and stands inside the model: in a `tf.data` pipeline
    there is no training step to count. (Hence there is none for
    `keras.layers.MixUp` and `CutMix`, which must mix the labels too.) Give
    the layer a random effect that always takes place, as
    `RandomErasing(factor=(1.0, 1.0))`; how often is the `rate`. Some layers
    of Keras fail in float16: give those `dtype="float32"`.

    What is said of steps, saving and seeds in `kreg.layers.ScheduledDropout`
    holds here too.

    Args:
        layer: Keras layer, called with `training=True`.
        rate: Float in [0, 1]. Share of the samples to augment. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        **kwargs: `schedule`, `seed` and `calls_per_step` as in
            `kreg.layers.ScheduledDropout`; arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, ...)` as `layer` takes it.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        TypeError: If `layer` is no Keras 3 layer.
        ValueError: If `rate` is outside [0, 1], or the layer mixes samples or
            changes their shape.

    Example:

    >>> cutout = keras.layers.RandomErasing(
    ...     factor=(1.0, 1.0), fill_value=0.0, value_range=(0, 1)
    ... )
    >>> layer = kreg.layers.ScheduledAugmentation(
    ...     cutout, rate=0.8, schedule=kreg.schedules.Ramp(steps=1000)
    ... )
    >>> layer(np.ones((2, 8, 8, 3), "float32"), training=True).shape[1]
    8

    References:

    - [DeVries & Taylor, 2017](https://arxiv.org/abs/1708.04552)
    """

    def __init__(self, layer: Any, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(layer, dict):
            layer = keras.saving.deserialize_keras_object(layer)
        check_layer(layer, "layer")
        if isinstance(layer, _MIXERS):
            fail(
                "layer",
                "a layer that leaves labels as they are",
                layer,
                f"Use kreg.layers.Scheduled{type(layer).__name__} instead",
            )
        self.layer = layer
        self.rate = self.new_strength("rate", rate, 1.0)
        self.built = bool(layer.built)

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped layer."""
        if not self.layer.built:
            self.layer.build(input_shape)
        self.built = True

    def add_noise(self, inputs: Any) -> Any:
        """Returns `inputs` with some of the samples augmented."""
        shape = ops.shape(inputs)
        left, _ = uniform_mask(
            (shape[0], *(1 for _ in shape[1:])), self.rate.effective, self.draws
        )
        changed = call_per_replica(
            self.layer, lambda: self.layer(inputs, training=True)
        )
        if not may_be_equal(changed.shape, inputs.shape):
            fail(
                "layer",
                "a layer that keeps the shape of its inputs, here "
                f"{tuple(inputs.shape)}",
                self.layer,
            )
        return ops.where(left, inputs, ops.cast(changed, inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

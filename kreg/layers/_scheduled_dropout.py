"""Dropout whose rate is state and may follow a schedule."""

from collections.abc import Sequence
from typing import Any

from kreg._registration import register
from kreg._validation import fail, may_be_equal
from kreg.layers._dropping import Dropping
from kreg.layers._masks import bit_mask


@register
class ScheduledDropout(Dropping):
    """Sets inputs to zero at random, with a rate that can change in training.

    Drop-in for `keras.layers.Dropout`, with which it agrees in distribution
    at a constant rate. With `r = rate * schedule(step)`, each input becomes

        0              with probability r
        x / (1 - r)    else

    so that its expectation is `x`. On TensorFlow and JAX `r` is rounded to a
    multiple of 2^-16, which makes the mask cheaper to draw. At `r = 0` the
    layer is exactly the identity, at `r = 1` its outputs are zeros. It acts
    only in training; then it counts its step inside the compiled graph.
    `evaluate` and `predict` do not move the step. A step is one executed
    training batch, also with gradient accumulation. A layer that is called
    several times a batch (it is shared, or inside `TimeDistributed`) counts
    each call: say how many with `calls_per_step`.

    The step and the rate are saved with the model; the state of the random
    generator is not (Keras saves none), so a resumed run repeats the masks.

    Args:
        rate: Float in [0, 1]. Fraction of the inputs to drop. Becomes a
            `kreg.Strength`: assign `layer.rate = 0.3` at any time.
        schedule: Optional schedule with values in [0, 1] of the training
            step, such as `kreg.schedules.Ramp(1000)`. Defaults to `None`, a
            constant rate.
        noise_shape: Optional sequence of integers and `None`, as in
            `keras.layers.Dropout`: the shape of the mask, `None` where it is
            that of the inputs. `(None, 1, None)` drops whole features of a
            sequence. Defaults to `None`, the shape of the inputs.
        seed: Optional integer or `keras.random.SeedGenerator`.
        calls_per_step: Integer >= 1. Calls of the layer in one training step.
            Defaults to `1`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape `(batch_size, ...)`.
        training: Boolean; the layer is the identity unless `True`.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `rate` is outside [0, 1], the schedule leaves [0, 1],
            or `noise_shape` or `seed` is of the wrong kind.

    Example:

    >>> layer = kreg.layers.ScheduledDropout(
    ...     0.5, schedule=kreg.schedules.Ramp(steps=1000)
    ... )
    >>> x = np.ones((2, 3), "float32")
    >>> bool(np.all(ops.convert_to_numpy(layer(x, training=True)) == 1.0))
    True
    >>> int(layer.step), float(layer.rate.effective)  # 0.5 * 1 / 1000
    (1, 0.0005000000237487257)

    References:

    - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)
    - [Morerio et al., 2017](https://arxiv.org/abs/1703.06229) (schedules)
    """

    draw_mask = staticmethod(bit_mask)

    def __init__(
        self,
        rate: float,
        schedule: Any = None,
        noise_shape: Sequence[int | None] | None = None,
        seed: Any = None,
        calls_per_step: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            rate,
            schedule=schedule,
            seed=seed,
            calls_per_step=calls_per_step,
            **kwargs,
        )
        self.noise_shape = _check_noise_shape(noise_shape)

    def mask_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `shape`, or `noise_shape` where that is given."""
        if self.noise_shape is None:
            return shape
        return tuple(
            size if fixed is None else fixed
            for size, fixed in zip(shape, self.noise_shape, strict=True)
        )

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ValueError` unless `noise_shape` fits the inputs."""
        super().check_inputs(inputs)
        if self.noise_shape is None:
            return
        shape = tuple(inputs.shape)
        # Another size of batch matters only where a mask is drawn.
        free = (None, *(None if n == 1 else n for n in self.noise_shape[1:]))
        if not may_be_equal(shape, free):
            fail(
                "noise_shape",
                f"a shape that broadcasts to that of the inputs, {shape}",
                self.noise_shape,
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current rate."""
        return {**super().get_config(), "noise_shape": self.noise_shape}


def _check_noise_shape(
    shape: Sequence[int | None] | None,
) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    if not isinstance(shape, (list, tuple)) or not all(
        size is None or (type(size) is int and size > 0) for size in shape
    ):
        fail(
            "noise_shape",
            "a sequence of positive integers and None, or None",
            shape,
        )
    return tuple(shape)

"""`Penalty`: the base of kreg's penalties, a regularizer that is a layer."""

from typing import Any

import keras
from keras import ops

from kreg._numerics import widened
from kreg._structure import walk
from kreg.strength import HoldsStrengths, Strength


class Penalty(
    HoldsStrengths, keras.layers.Layer, keras.regularizers.Regularizer
):
    """Base class of penalties whose strengths are state.

    Pass one wherever Keras takes a regularizer: `kernel_regularizer=`,
    `recurrent_regularizer=`, `bias_regularizer=`, `activity_regularizer=`.
    It is a `keras.layers.Layer` as well, since only a layer's variables are
    tracked, saved and fed to the compiled step by the layer around it; a plain
    `Regularizer` with a variable in it is silently ignored on JAX and lost on
    saving.

    Keras evaluates a penalty in `evaluate` too and tells it nothing, so it
    cannot know the training step and takes no schedule. To schedule one, use
    `kreg.layers.ScheduledPenalty` or `kreg.callbacks.StrengthScheduler`.

    Subclasses create their Strengths in `__init__` and implement
    `penalty(x)`; `get_config` returns the constructor's arguments with the
    current values. One that has a proximal operator implements `prox` too and
    says in `prox_steps` which step sizes that takes; then
    `kreg.optimizers.Proximal` can apply it.

    Args:
        name: Optional string. Defaults to a name made from the class.

    Example:

    >>> @keras.saving.register_keras_serializable("my_package")
    ... class Square(kreg.regularizers.Penalty):
    ...     def __init__(self, strength=0.01):
    ...         super().__init__()
    ...         self.strength = kreg.Strength(self, "strength", strength)
    ...
    ...     def penalty(self, x):
    ...         return self.strength.effective * ops.sum(x * x)
    ...
    ...     def get_config(self):
    ...         return {"strength": self.strength.last_known}
    >>> float(Square(0.5)(np.array([1.0, 2.0], "float32")))
    2.5
    """

    prox_steps: str | None = None
    """Step sizes that `prox` takes: `"scalar"`, `"array"` (a scalar, or one
    per weight), or `None` if there is no `prox`."""

    def __init__(self, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.built = True

    def __call__(self, x: Any) -> Any:
        """Returns the penalty of `x` as a scalar tensor.

        Args:
            x: Weight or activity, a float tensor of any shape. Half precision
                is cast to float32 first: a sum of squares overflows float16
                at 65,504.

        Returns:
            Scalar tensor, float32 or wider.
        """
        return self.penalty(widened(ops.convert_to_tensor(x)))

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`, a tensor of float32 or wider."""
        raise NotImplementedError(
            f"Penalty '{type(self).__name__}' must override `penalty(self, x)`."
        )

    def prox(self, w: Any, step_size: Any) -> Any:
        """Returns the proximal operator of the penalty at `w`.

        That is the `u` that minimizes

            penalty(u) + sum(square(u - w) / (2 * step_size))

        Args:
            w: Float tensor.
            step_size: Float or scalar tensor > 0; where `prox_steps` is
                `"array"` also a tensor of the shape of `w`, a step size for
                each weight.

        Returns:
            Tensor of the shape and dtype of `w`.

        Raises:
            NotImplementedError: If the penalty has no proximal operator.
        """
        raise NotImplementedError(
            f"Penalty '{type(self).__name__}' has no proximal operator."
        )

    def proxes(self, weights: Any, step_sizes: Any) -> list[Any]:
        """Returns `prox` of each of several weights.

        This is what `kreg.optimizers.Proximal` calls. A penalty overrides it
        where it is cheaper to do all at once.

        Args:
            weights: Sequence of float tensors.
            step_sizes: Sequence of as many step sizes, as `prox` takes them.
        """
        return list(map(self.prox, weights, step_sizes))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` if weights of `shape` cannot be penalized."""

    def held_strengths(self) -> list[Strength]:
        """Returns the Strengths of the penalty and of those inside it."""
        return [
            held
            for _, layer in walk(self)
            for held in vars(layer).values()
            if isinstance(held, Strength)
        ]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        raise NotImplementedError(
            f"Penalty '{type(self).__name__}' must override `get_config()` "
            "in order to be saved."
        )

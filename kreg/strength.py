"""`Strength`: how much of a penalty or a noise there is, as state."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._validation import check_strength

# What the backends raise when a variable has no value that Python may read:
# inside a traced function, or while JAX holds the state of a running `fit`.
_UNREADABLE = (
    AttributeError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


class Strength:
    """A lambda or a rate: a scalar that training obeys and anyone may change.

    In Keras these are Python floats, frozen into the compiled training step.
    A `Strength` is a scalar non-trainable variable of the layer that holds it
    (*how much*), times an optional schedule (*when*):

        effective(t) = value * schedule(t),    schedule(t) in [0, 1]

    So it can be assigned while `fit` runs, without a recompile, and it is
    saved with the model. Layers and penalties create their own; `kreg.
    strengths(model)` finds all that a model has.

    Args:
        owner: Keras layer that the variable belongs to.
        name: String. What the field calls it: `"l2"`, `"rate"`, `"stddev"`.
        value: Float in `[0, maximum]`. For a penalty in the unit of the loss
            per unit of the penalty, for a rate a probability.
        maximum: Float. Largest value allowed. Defaults to no limit.
        schedule: Optional `keras.optimizers.schedules.LearningRateSchedule`
            with values in [0, 1], such as those in `kreg.schedules`.
        step: Callable that returns the current step (scalar integer tensor);
            needed with a `schedule`.

    Raises:
        ValueError: If `value` is out of range, not finite or not a number.

    Example:

    >>> penalty = kreg.regularizers.L2(1e-4)
    >>> penalty.l2.value
    0.0001
    >>> penalty.l2.value *= 3
    >>> round(float(penalty.l2.effective), 6)
    0.0003
    """

    def __init__(
        self,
        owner: Any,
        name: str,
        value: float,
        maximum: float = math.inf,
        schedule: Any = None,
        step: Callable[[], Any] | None = None,
    ):
        self.name = name
        self.maximum = maximum
        self._known = check_strength(value, name, maximum)
        self.last_assigned: float | None = None
        self.variable = owner.add_weight(
            name=name,
            shape=(),
            dtype="float32",  # a bfloat16 policy would round it
            initializer=keras.initializers.Constant(self._known),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        # `tf.train.Checkpoint` saves the variables that stand in attributes.
        setattr(owner, f"_{name}_variable", self.variable)
        # Lets `kreg.strengths` notice one that it found no path for.
        self.variable.kreg_strength = self
        self.schedule: Any = None
        self._step: Callable[[], Any] | None = None
        if schedule is not None:
            self.follow(schedule, step)

    def follow(self, schedule: Any, step: Callable[[], Any] | None) -> None:
        """Makes `effective` follow `schedule`, read at `step()`.

        For authors of layers: the owner of the step calls this once, before
        anything is compiled.

        Args:
            schedule: `LearningRateSchedule` with values in [0, 1], or `None`.
            step: Callable that returns a scalar integer tensor, the number of
                training batches executed.
        """
        self.schedule = schedule
        self._step = step

    @property
    def value(self) -> float:
        """Float: how much, without the schedule. Assignments are checked."""
        try:
            current = np.float32(ops.convert_to_numpy(self.variable))
        except _UNREADABLE as error:
            raise RuntimeError(
                f"The strength `{self.name}` cannot be read here: its "
                "variable has no value outside the compiled step at this "
                "moment. In a batch hook of a callback, read `self.model` "
                "first; inside a layer, use `effective`."
            ) from error
        if current != np.float32(self._known):  # assigned by Keras, or loaded
            self._known = float(str(current))  # 0.05, not 0.0500000007
        return self._known

    @value.setter
    def value(self, value: float) -> None:
        self.assign(value)

    def assign(self, value: float) -> None:
        """Sets the value; the next training step obeys it.

        In a batch hook of a callback on JAX, read `self.model` first, else
        Keras overwrites what was assigned.

        Args:
            value: Float in `[0, maximum]`.

        Raises:
            ValueError: If `value` is out of range, not finite or no number;
                nothing is changed then.
        """
        self._known = self.last_assigned = self.check(value)
        self.variable.assign(self._known)

    def check(self, value: float) -> float:
        """Returns `value` as a float, or raises if it cannot be assigned."""
        return check_strength(value, self.name, self.maximum)

    @property
    def last_known(self) -> float:
        """Float: `value`, or what it last was where it cannot be read.

        `get_config` is called in places where no variable can be read, as in
        batch hooks on JAX.
        """
        try:
            return self.value
        except RuntimeError:
            return self._known

    @property
    def effective(self) -> Any:
        """Scalar float32 tensor: `value * schedule(step)`."""
        return self.effective_at(None if self._step is None else self._step())

    def effective_at(self, step: Any) -> Any:
        """Returns `value * schedule(step)`, for the schedule of this Strength.

        Args:
            step: Scalar integer tensor; below 0 it counts as 0. Without a
                schedule it may be `None`.

        Returns:
            Scalar float32 tensor.
        """
        # A conversion would be the variable itself, on TensorFlow and Torch.
        value = ops.copy(self.variable)
        if self.schedule is None or step is None:
            return value
        profile = ops.cast(self.schedule(ops.maximum(step, 0)), "float32")
        return ops.multiply(value, ops.clip(profile, 0.0, 1.0))

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        schedule = (
            f", schedule={self.schedule!r}" if self.schedule is not None else ""
        )
        return f"<Strength {self.name}={self.last_known:g}{schedule}>"


class HoldsStrengths:
    """Mixin for layers whose attributes are Strengths.

    Assigning a number to such an attribute sets the Strength (`layer.rate =
    0.3` in a callback does what it says), and weight files written without
    Strengths, by the same model in plain Keras, load.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Strength) and not isinstance(value, Strength):
            held.assign(value)
        else:
            super().__setattr__(name, value)

    def load_own_variables(self, store: Any) -> None:
        """Loads the variables; leaves them as they are if `store` is empty."""
        if len(store.keys()) > 0:
            super().load_own_variables(store)  # type: ignore[misc]

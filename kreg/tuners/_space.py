"""`RegularizationSpace`: lambdas and rates as hyperparameters."""

import math
from typing import Any

import keras_tuner

from kreg import layers, regularizers
from kreg._validation import fail
from kreg.tuners import _ranges

# What the choice beside each lambda is called, and its two values.
_CHOICE = "{}_penalty"
_ON, _NONE = "on", "none"


class RegularizationSpace:
    """Declares lambdas and rates in a KerasTuner `hp`, and builds with them.

    To be made inside `build_model(hp)`. Each method declares what it needs
    under the name it is given, and returns a penalty or a layer with the
    values of the trial:

    - a lambda is sampled from a logarithmic range, or is none at all, which
      is a choice of its own: `name/l2_penalty` is `"on"` or `"none"`, and
      `name/l2` is there only when it is on;
    - a rate is sampled from a linear range, as `name/rate`.

    A penalty that is "none" is still there, with strength 0. So all trials
    have the same graph and the same paths in `kreg.strengths(model)`.

    The same name twice is the same hyperparameter: two layers with one
    lambda. Names stand inside `hp.name_scope`s that are open.

    Use it with any tuner of KerasTuner and the objective `val_data_loss`,
    which `kreg.callbacks.OverfitMonitor` adds to the logs: `val_loss` contains
    the penalty, and choosing a lambda by it favours small ones for a reason
    that has nothing to do with generalization.

    Args:
        hp: `keras_tuner.HyperParameters`, the argument of `build_model`.
        strength: Tuple `(low, high)` of floats, `0 < low < high`: the range
            of every lambda. Defaults to `(1e-6, 1e-1)`.
        rate: Tuple `(low, high)` of floats, `0 <= low < high <= 1`: the range
            of every rate. Defaults to `(0.0, 0.7)`.

    Raises:
        TypeError: If `hp` is no `keras_tuner.HyperParameters`.
        ValueError: If a range is not such a pair, or a name was declared
            before with another range (KerasTuner would ignore the second).

    Example:

    >>> import keras_tuner
    >>> def build_model(hp):
    ...     space = kreg.tuners.RegularizationSpace(hp)
    ...     model = keras.Sequential([
    ...         keras.layers.Dense(
    ...             8, "relu", kernel_regularizer=space.l2("hidden")
    ...         ),
    ...         space.dropout("hidden"),
    ...         keras.layers.Dense(1),
    ...     ])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> hp = keras_tuner.HyperParameters()
    >>> model = build_model(hp)
    >>> sorted(hp.values)
    ['hidden/l2', 'hidden/l2_penalty', 'hidden/rate']
    >>> objective = keras_tuner.Objective("val_data_loss", "min")
    """

    def __init__(
        self,
        hp: Any,
        strength: tuple[float, float] = (1e-6, 1e-1),
        rate: tuple[float, float] = (0.0, 0.7),
    ):
        if not isinstance(hp, keras_tuner.HyperParameters):
            raise TypeError(
                "Invalid value for argument `hp`. Expected a "
                f"keras_tuner.HyperParameters. Received: hp={hp!r} (of type "
                f"{type(hp).__name__})"
            )
        self.hp = hp
        self.strength_range = _ranges.check_strengths(strength, "strength")
        self.rate_range = _ranges.check_rates(rate, "rate")

    def l1(
        self, name: str, strength: tuple[float, float] | None = None
    ) -> regularizers.L1:
        """Declares `name/l1` and returns an L1 penalty.

        Args:
            name: String. Names the hyperparameters.
            strength: Optional range in place of the space's.

        Returns:
            `kreg.regularizers.L1`, with strength 0 where the trial has none.

        Raises:
            ValueError: If the range is bad, or another one than before.
        """
        return regularizers.L1(self._lambda(name, "l1", strength))

    def l2(
        self, name: str, strength: tuple[float, float] | None = None
    ) -> regularizers.L2:
        """Declares `name/l2` and returns an L2 penalty.

        Args:
            name: String. Names the hyperparameters.
            strength: Optional range in place of the space's.

        Returns:
            `kreg.regularizers.L2`, with strength 0 where the trial has none.

        Raises:
            ValueError: If the range is bad, or another one than before.
        """
        return regularizers.L2(self._lambda(name, "l2", strength))

    def l1l2(
        self, name: str, strength: tuple[float, float] | None = None
    ) -> regularizers.L1L2:
        """Declares `name/l1` and `name/l2` and returns the sum of both.

        Args:
            name: String. Names the hyperparameters.
            strength: Optional range of both, in place of the space's.

        Returns:
            `kreg.regularizers.L1L2`, with strength 0 where the trial has none.

        Raises:
            ValueError: If the range is bad, or another one than before.
        """
        return regularizers.L1L2(
            l1=self._lambda(name, "l1", strength),
            l2=self._lambda(name, "l2", strength),
        )

    def dropout(
        self,
        name: str,
        /,
        schedule: Any = None,
        rate: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> layers.ScheduledDropout:
        """Declares `name/rate` and returns a dropout layer.

        Args:
            name: String. Names the hyperparameter (not the layer: for that,
                give `name=` as well).
            schedule: Optional schedule of the rate with values in [0, 1].
            rate: Optional range in place of the space's.
            **kwargs: Further arguments of `kreg.layers.ScheduledDropout`.

        Returns:
            `kreg.layers.ScheduledDropout`.

        Raises:
            ValueError: If the range is bad, or another one than before.
        """
        given = self.rate_range if rate is None else rate
        low, high = _ranges.check_rates(given, "rate")
        with self.hp.name_scope(_check_name(name)):
            value = self.hp.Float("rate", low, high, default=(low + high) / 2)
            _ranges.refuse_another(self.hp, "rate", "rate", (low, high))
        return layers.ScheduledDropout(value or 0.0, schedule, **kwargs)

    def _lambda(
        self, name: str, kind: str, strength: tuple[float, float] | None
    ) -> float:
        given = self.strength_range if strength is None else strength
        low, high = _ranges.check_strengths(given, "strength")
        choice = _CHOICE.format(kind)
        with self.hp.name_scope(_check_name(name)):
            self.hp.Choice(choice, [_ON, _NONE])
            with self.hp.conditional_scope(choice, [_ON]):
                value = self.hp.Float(
                    kind,
                    low,
                    high,
                    sampling="log",
                    default=math.sqrt(low * high),
                )
            _ranges.refuse_another(self.hp, kind, "strength", (low, high))
        return value or 0.0  # None in a trial without this penalty


def _check_name(name: Any) -> str:
    if not (isinstance(name, str) and name):
        fail("name", "a name as a string, not empty", name)
    return name

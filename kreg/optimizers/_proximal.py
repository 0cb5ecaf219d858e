"""Proximal: a Keras optimizer, then the exact proximal step."""

import types
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kreg import schedules
from kreg._registration import register
from kreg._validation import fail
from kreg.optimizers import _arguments, _metrics, _polish, _targets
from kreg.optimizers._outer import Outer, recorded_slots
from kreg.regularizers import Penalty


@register
class Proximal(Outer):
    """Any Keras optimizer, followed by the exact proximal step of a penalty.

    A penalty in the loss, as Keras has it, makes weights small but never
    zero. After each step of `optimizer` this applies

        w = prox(w, step_size),    step_size in the optimizer's own metric

    so that what converges is the minimum of `loss + penalty`, with exact
    zeros. The metric is how far the optimizer moves a weight per unit of its
    gradient: the learning rate for SGD (what momentum makes of it), for Adam
    `learning_rate / (sqrt(v_hat) + epsilon)` for each weight, and so on. The
    penalty is not added to the loss: `loss` and `val_loss` stay clean. It acts
    in training only.

    With minibatches the last zeros flicker, and a learning rate that decays
    to 0 freezes them where they are: finish with `polish`.

    Its strengths are variables of the optimizer, at `optimizer/penalty/l1`
    and the like in `kreg.strengths(model)`: assign them while `fit` runs.
    An optimizer's own `weight_decay` acts besides; it is no ridge.

    Args:
        optimizer: Keras optimizer or its name: SGD, Adam, AdamW, Nadam,
            Adamax, Adagrad or RMSprop. With clipping of gradients, `use_ema`
            or `centered` it is refused, for these move the point that it
            converges to. A `LossScaleOptimizer` goes around the Proximal.
        penalty: A kreg penalty that has a `prox`, for all weights but biases
            and scales of normalization; or a mapping from path patterns to
            such penalties. A pattern is a glob for some parts of
            `variable.path`: `"dense"`, `"kernel"`, `"encoder/*/kernel"`. The
            first that matches counts; a bias is taken if a pattern names it.
        schedule: Optional schedule with values in [0, 1] of `iterations`, the
            0-based number of updates. Multiplies all strengths.
        only: Optional pattern, sequence of patterns, or function of a
            variable: which weights alone to penalize.
        exclude: Optional selection of weights to spare, likewise.
        name: String. Defaults to `"proximal"`.

    Returns:
        An optimizer, for `model.compile`.

    Raises:
        ValueError: If the optimizer's metric is not known or an argument of
            it is refused; if a penalty has no `prox` or needs one step size
            for all weights where the optimizer has one for each; and, when it
            is built, if a pattern matches nothing, groups do not fit, or a
            weight has a constraint other than `NonNeg` (or that, where the
            penalty is of singular values).

    Example:

    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> optimizer = kreg.optimizers.Proximal(
    ...     keras.optimizers.SGD(0.1), kreg.regularizers.L1(0.5)
    ... )
    >>> model.compile(optimizer, "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    >>> _ = model.fit(x, x[:, :1], batch_size=64, epochs=60, verbose=0)
    >>> kernel = ops.convert_to_numpy(model.layers[0].kernel)
    >>> bool(kernel[0, 0] > 0.5), float(kernel[1, 0])  # the second input: out
    (True, 0.0)
    >>> kreg.set_strengths(model, {"optimizer/penalty/l1": 0.1})

    References:

    - [Parikh & Boyd, 2014](https://doi.org/10.1561/2400000003)
    - [Yun, Lozano & Yang, 2021](https://arxiv.org/abs/2007.01760) (metrics)
    """

    def __init__(
        self,
        optimizer: Any,
        penalty: Any,
        schedule: Any = None,
        only: Any = None,
        exclude: Any = None,
        name: str = "proximal",
    ):
        inner = keras.optimizers.get(optimizer)
        metric = _metrics.metric_class(inner)
        super().__init__(learning_rate=0.0, name=name)
        self.optimizer = inner
        self.penalty = _arguments.check_penalty(penalty, metric)
        self.schedule = schedules.get(schedule)
        self.only = _arguments.check_selection(only, "only")
        self.exclude = _arguments.check_selection(exclude, "exclude")
        # In a namespace, for Keras tracks variables in lists and dicts.
        self._state = types.SimpleNamespace(
            metric_class=metric,
            penalties=list({id(p): p for p in self._given()}.values()),
            targets=[],
            in_step=False,
        )
        if self.schedule is not None:
            for held in self._state.penalties:
                for strength in held.held_strengths():
                    strength.follow(self.schedule, self._current_step)

    def build(self, variables: Any) -> None:
        """Creates the variables, and finds the weights to penalize.

        Args:
            variables: List of the trainable variables.
        """
        if self.built:
            return
        variables = list(variables)
        state = self._state
        targets = _targets.assign(
            self.penalty, variables, self.only, self.exclude
        )
        slots: dict[tuple[int, str], Any] = {}
        with recorded_slots(self.optimizer, slots):
            self.optimizer.build(variables)
        state.metric = state.metric_class(
            self.optimizer, lambda variable, name: slots[id(variable), name]
        )
        state.metric.build(self, [variable for variable, _ in targets])
        state.targets, state.trained = targets, variables
        super().build(variables)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the weights, and takes the proximal step.

        Args:
            grads: Sequence of gradients.
            trainable_variables: Sequence of as many variables. Defaults to
                those that the optimizer was built with.
        """
        grads = list(grads)
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            if not self.built:
                self.build(trainable_variables)
        rate = ops.cast(ops.convert_to_tensor(self.learning_rate), "float32")
        before = ops.convert_to_tensor(self.iterations) + 0  # a copy, on Torch
        self.optimizer.apply(grads, trainable_variables)
        if not grads:
            return
        moved = None
        if self.optimizer.gradient_accumulation_steps:
            moved = ops.not_equal(before, self.iterations)
        state = self._state
        step = ops.cast(ops.convert_to_tensor(self.iterations), "float32")
        state.metric.begin(rate, step, moved)
        state.in_step = True
        try:
            given = trainable_variables or state.trained
            ids = (
                id(v)
                for g, v in zip(grads, given, strict=True)
                if g is not None
            )
            self._take_step(set(ids), moved)
        finally:
            state.in_step = False
            state.metric.end()

    def _take_step(self, updated: set[int], moved: Any) -> None:
        for penalty in self._state.penalties:
            variables = [
                variable
                for variable, chosen in self._state.targets
                if chosen is penalty and id(variable) in updated
            ]
            if not variables:
                continue
            weights = [
                ops.stop_gradient(ops.convert_to_tensor(v)) for v in variables
            ]
            sizes = [self._state.metric.step_size(v) for v in variables]
            stepped = penalty.proxes(weights, sizes)
            for variable, w, u in zip(variables, weights, stepped, strict=True):
                variable.assign(u if moved is None else ops.where(moved, u, w))

    @property
    def targets(self) -> list[tuple[Any, Penalty]]:
        """The penalized weights, each with its penalty; known once built."""
        return list(self._state.targets)

    def current_penalty(self) -> Any:
        """Scalar tensor: the penalty of the weights as they are now."""
        terms = [penalty(variable) for variable, penalty in self.targets]
        return sum(terms, start=ops.zeros(()))

    @staticmethod
    def polish(
        model: Any, x: Any, y: Any, steps: int = 1000, tolerance: float = 1e-7
    ) -> float:
        """Finishes training on all the data, so that the true zeros are left.

        Accelerated proximal gradient steps (FISTA, with a step size found by
        backtracking and restarts) on the loss over all of `x` at once, at
        inference: dropout is off, batch normalization uses its averages. All
        trainable weights move, within their constraints. Call it last: the
        optimizer's momentum is of before.

        Args:
            model: Keras model, compiled with a `Proximal` and built.
            x: Input array, or a structure of them.
            y: Target array, or a structure of them.
            steps: Integer >= 1. Most steps to take. Defaults to `1000`.
            tolerance: Float >= 0. It stops when no weight's residual is
                larger than this, in units of the gradient. Defaults to
                `1e-7`, about what float32 can tell of a gradient of 1.

        Returns:
            Float. The largest residual: `abs(w - prox(w - step * gradient)) /
            step` over all weights; 0 at the exact solution.

        Raises:
            ValueError: If the model is not compiled with a `Proximal`, or `x`
                and `y` do not fit or give no finite gradient; the weights
                are as they were then.

        References:

        - [Beck & Teboulle, 2009](https://doi.org/10.1137/080716542)
        - [O'Donoghue & Candes, 2015](https://arxiv.org/abs/1204.3982)
        """
        return _polish.polish(_of(model), model, x, y, steps, tolerance)

    @property
    def variables(self) -> list[Any]:
        """Own variables, then the optimizer's, then the strengths."""
        held = [v for p in self._state.penalties for v in p.variables]
        return [*super().variables, *held]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current strengths."""
        serialize = keras.saving.serialize_keras_object
        penalty = self.penalty
        return {
            "name": self.name,
            "optimizer": serialize(self.optimizer),
            "penalty": {k: serialize(p) for k, p in penalty.items()}
            if isinstance(penalty, Mapping)
            else serialize(penalty),
            "schedule": serialize(self.schedule),
            "only": _arguments.selection_config(self.only, "only"),
            "exclude": _arguments.selection_config(self.exclude, "exclude"),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> "Proximal":
        """Creates an optimizer from what `get_config` returned."""
        return cls(**{k: _arguments.deserialized(v) for k, v in config.items()})

    def _given(self) -> list[Penalty]:
        given = self.penalty
        return list(given.values()) if isinstance(given, Mapping) else [given]

    def _current_step(self) -> Any:
        # Within a step the optimizer has counted it already.
        step = ops.convert_to_tensor(self.iterations)
        return step - 1 if self._state.in_step else step


def _of(model: Any) -> Proximal:
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(optimizer, Proximal):
        fail("model", "a model compiled with kreg.optimizers.Proximal", model)
    return optimizer

"""FISTA over a whole model: the full-batch finish of `Proximal`."""

import importlib
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._structure import walk
from kreg._validation import check_count, check_non_negative, fail
from kreg.optimizers._samples import check_samples

Values = list[np.ndarray]
_SLACK = 1e-6  # of the loss: what float32 can tell apart
_ROUNDING = 2.0**-23
_SMALLEST_STEP = 1e-12
_LARGEST_STEP = 1e12


def polish(
    optimizer: Any, model: Any, x: Any, y: Any, steps: int, tolerance: float
) -> float:
    """See `Proximal.polish`."""
    check_count(steps, "steps")
    check_non_negative(tolerance, "tolerance")
    check_samples(model, x, y)
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    variables = list(model.trainable_variables)
    problem = _Problem(
        _gradients_of(model, variables, x, y),
        _proxes_of(optimizer, variables),
    )
    values = [_numpy(variable) for variable in variables]
    try:
        values, residual = fista(problem, values, steps, tolerance)
    finally:  # interrupted, the weights are as they were
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return residual


class _Problem:
    """A smooth loss with its gradient, and a prox for each array.

    Args:
        smooth: Function of a list of arrays to `(loss, gradients)`.
        proxes: A function `(array, step) -> array` for each, or `None`.
    """

    def __init__(
        self,
        smooth: Callable[[Values], tuple[float, Values]],
        proxes: list[Callable[[np.ndarray, float], np.ndarray] | None],
    ):
        self.smooth = smooth
        self.proxes = proxes

    def step(self, at: Values, gradient: Values, size: float) -> Values:
        """Returns the proximal gradient step of `size` from `at`."""
        moved = [a - size * g for a, g in zip(at, gradient, strict=True)]
        return [
            m if prox is None else prox(m, size)
            for m, prox in zip(moved, self.proxes, strict=True)
        ]


def fista(
    problem: _Problem, start: Values, steps: int, tolerance: float
) -> tuple[Values, float]:
    """Returns the last iterate and the largest residual there.

    Accelerated proximal gradient. A step size is accepted if the loss lies
    below its quadratic model and bends less than the model does: the first
    keeps it from going far, the second is not blurred by the rounding of the
    loss. Momentum restarts when it points uphill. Iterates are float64, for
    steps smaller than the rounding of a weight add up where the loss is flat.
    """
    current, ahead, weight = start, start, 1.0
    size, is_first, residual = 1.0, True, math.inf
    for _ in range(steps):
        loss, gradient = problem.smooth(ahead)
        if is_first and not all(map(np.all, map(np.isfinite, gradient))):
            fail(
                "x",
                "data on which the loss has a finite gradient",
                f"a loss of {loss}",
            )
        size, following = _search(
            problem, ahead, loss, gradient, size, is_first
        )
        is_first = False
        change = _minus(following, ahead)
        residual = max(float(np.max(np.abs(c))) for c in change) / size
        if residual <= tolerance:
            return following, residual
        if _dot(change, _minus(following, current)) < 0:
            weight = 1.0
        growth = (1 + math.sqrt(1 + 4 * weight**2)) / 2
        momentum = (weight - 1) / growth
        ahead = [
            f + momentum * (f - c)
            for f, c in zip(following, current, strict=True)
        ]
        current, weight = following, growth
    return current, residual


def _search(
    problem: _Problem,
    at: Values,
    loss: float,
    gradient: Values,
    size: float,
    is_first: bool,
) -> tuple[float, Values]:
    """Finds an acceptable step size, and takes that step.

    It only shrinks, but for the first step, which also tries larger ones.
    """

    def attempt(size: float) -> tuple[bool, Values]:
        to = problem.step(at, gradient, size)
        new_loss, new_gradient = problem.smooth(to)
        change = _minus(to, at)
        bound = _dot(change, change) / size
        model = loss + _dot(gradient, change) + bound / 2
        bend = _dot(_minus(new_gradient, gradient), change)
        below = new_loss <= model + _SLACK * abs(loss)
        # Gradients are taken at weights rounded to float32.
        blur = _ROUNDING * math.sqrt(_dot(at, at) * _dot(change, change)) / size
        return bool(below and bend <= bound * (1 + _SLACK) + blur), to

    accepted, to = attempt(size)
    while is_first and accepted and size < _LARGEST_STEP:
        larger_accepted, larger = attempt(2 * size)
        if not larger_accepted:
            return size, to
        size, to = 2 * size, larger
    while not accepted and size > _SMALLEST_STEP:
        size /= 2
        accepted, to = attempt(size)
    return size, to


def _gradients_of(model: Any, variables: list[Any], x: Any, y: Any) -> Any:
    x, y = (keras.tree.map_structure(ops.convert_to_tensor, d) for d in (x, y))

    def loss(x: Any, y: Any) -> Any:
        outputs = model(x, training=False)
        total = model.compute_loss(x=x, y=y, y_pred=outputs, training=False)
        return sum(
            (layer.current_penalty() for layer in in_training), start=total
        )

    in_training = [
        layer for _, layer in walk(model) if hasattr(layer, "current_penalty")
    ]
    compute = _backend().gradients(loss, variables, (x, y))

    def smooth(values: Values) -> tuple[float, Values]:
        total, slopes = compute(
            [
                ops.convert_to_tensor(value, dtype=variable.dtype)
                for value, variable in zip(values, variables, strict=True)
            ]
        )
        return float(total), [_numpy(slope) for slope in slopes]

    return smooth


def _proxes_of(optimizer: Any, variables: list[Any]) -> list[Any]:
    penalties = {id(v): p for v, p in optimizer.targets}

    def prox_of(penalty: Any, constraint: Any) -> Any:
        if penalty is None and constraint is None:
            return None

        def prox(w: np.ndarray, size: float) -> np.ndarray:
            if constraint is not None:
                w = _constrained(constraint, w)
            if penalty is None:
                return w
            with _backend().double_precision():
                w = ops.convert_to_tensor(w, dtype="float64")
                return _numpy(penalty.prox(w, size))

        return prox

    return [
        prox_of(penalties.get(id(variable)), variable.constraint)
        for variable in variables
    ]


def _constrained(constraint: Any, w: np.ndarray) -> np.ndarray:
    """Returns what the constraint makes of weights, as a Keras step does."""
    # Constraints may take float32 alone; what they spare stays float64.
    given = w.astype("float32")
    kept = _numpy(constraint(ops.convert_to_tensor(given)))
    return np.where(kept == given, w, kept)


def _backend() -> Any:
    name = f"kreg.optimizers._gradients_{keras.backend.backend()}"
    return importlib.import_module(name)


def _numpy(x: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(x), dtype="float64")


def _minus(a: Values, b: Values) -> Values:
    return [
        np.subtract(p, q, dtype="float64") for p, q in zip(a, b, strict=True)
    ]


def _dot(a: Values, b: Values) -> float:
    return sum(float(np.vdot(p, q)) for p, q in zip(a, b, strict=True))

"""`strength_path`: a model's weights over the strength of its penalty."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from kreg import transforms
from kreg._strengths import match, set_strengths, strengths
from kreg._structure import is_penalty, walk
from kreg._validation import check_count, fail
from kreg.callbacks import OverfitMonitor
from kreg.population._path_result import Kernels, StrengthPath, best_of
from kreg.population._population import Population


def strength_path(
    model: Any,
    values: Sequence[float] | Mapping[str, Sequence[float]],
    x: Any = None,
    y: Any = None,
    epochs: int = 1,
    warm_start: bool = True,
    verbose: int = 0,
    **arguments: Any,
) -> StrengthPath:
    """Trains a model at many strengths: its regularization path.

    With `warm_start`, from the largest value to the smallest, each training
    going on from the weights where the one before ended, as glmnet computes
    the path of the lasso. Otherwise all at once, as a `Population`, each from
    the weights of `model`.

    `model` itself is not changed.

    Args:
        model: Compiled and built Keras model; its penalties may be Keras's or
            kreg's, or those of a `kreg.optimizers.Proximal`.
        values: Sequence of floats >= 0, for the Strengths of all penalties of
            the model; or a mapping of paths or globs of Strengths, as in
            `kreg.strengths(model)`, to equally long sequences.
        x: As for `keras.Model.fit`.
        y: As for `keras.Model.fit`.
        epochs: Integer >= 1. Epochs for each value.
        warm_start: Boolean. See above. All at once needs TensorFlow or JAX,
            and a model that can be stacked.
        verbose: As for `fit`.
        **arguments: Further arguments of `fit`, such as `batch_size`,
            `validation_data`, `validation_split` or `callbacks`.

    Returns:
        `StrengthPath`, the largest value first.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If no Strength is varied, or a value does not fit.
        NotStackable: Without `warm_start`, if the model cannot be stacked.

    Example:

    >>> x = np.random.rand(64, 5)
    >>> y = x @ np.array([[3.0], [0.0], [0.0], [1.0], [0.0]])
    >>> model = keras.Sequential([
    ...     keras.Input((5,)), keras.layers.Dense(1, name="linear")
    ... ])
    >>> penalty = kreg.regularizers.L1(0.0)
    >>> model.compile(kreg.optimizers.Proximal("sgd", penalty), "mse")
    >>> path = kreg.population.strength_path(
    ...     model, [0.01, 0.1, 10.0], x, y, epochs=20, validation_split=0.25
    ... )
    >>> path.values.tolist(), path.coefficients["linear/kernel"].shape
    ([10.0, 0.1, 0.01], (3, 5))
    >>> int(path.nonzeros[0])
    0

    References:
        - Friedman, Hastie and Tibshirani, "Regularization Paths for
          Generalized Linear Models via Coordinate Descent", 2010
    """
    check_count(epochs, "epochs")
    twin = transforms.regularize(model)
    varied = _decreasing(_varied(twin, values))
    fit = {"epochs": epochs, "verbose": verbose, **arguments}
    if warm_start:
        trained = _one_after_another(twin, varied, x, y, fit)
    else:
        trained = _all_at_once(model, varied, x, y, fit)
    kernels, val_loss, chosen = trained
    return StrengthPath(
        values=next(iter(varied.values())),
        strengths=varied,
        val_loss=val_loss,
        model=chosen,
        **kernels.shown(),
    )


def _varied(model: Any, values: Any) -> dict[str, np.ndarray]:
    """Returns the values of each Strength that is varied, by its path."""
    found = strengths(model)
    if not isinstance(values, Mapping):
        paths = _of_penalties(model)
        if not paths:
            fail(
                "model",
                "a model with a penalty, or `values` as a mapping of paths of "
                "Strengths",
                f"a model with the strengths {list(found)}",
            )
        values = {path: values for path in paths}
    checked = {
        path: np.array([strength.check(value) for value in given])
        for pattern, given in values.items()
        for path, strength in match(found, pattern).items()
    }
    if len({len(given) for given in checked.values()}) != 1 or not all(
        len(given) for given in checked.values()
    ):
        fail("values", "at least one value, equally many for each path", values)
    return checked


def _of_penalties(model: Any) -> list[str]:
    """Returns the paths of the Strengths that penalties of a model hold."""
    within = tuple(
        f"{path}/" for path, layer in walk(model) if is_penalty(layer)
    )
    return [path for path in strengths(model) if path.startswith(within)]


def _decreasing(varied: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    order = np.argsort(-next(iter(varied.values())), kind="stable")
    return {path: values[order] for path, values in varied.items()}


def _one_after_another(
    model: Any,
    varied: dict[str, np.ndarray],
    x: Any,
    y: Any,
    fit: dict[str, Any],
) -> tuple[Kernels, np.ndarray, Any]:
    callbacks = fit.pop("callbacks", None) or []
    given = callbacks if isinstance(callbacks, list) else [callbacks]
    kernels, losses, best = Kernels(), [], None
    for index in range(len(next(iter(varied.values())))):
        set_strengths(model, {p: float(v[index]) for p, v in varied.items()})
        own = [OverfitMonitor(), *given] if _validates(fit) else given
        history = model.fit(x, y, callbacks=own, **fit).history
        kernels.add(_kernels(model))
        losses.append(history.get("val_data_loss", [np.nan])[-1])
        if best_of(np.array(losses)) == index:
            best = index, model.get_weights()
    assert best is not None
    set_strengths(model, {p: float(v[best[0]]) for p, v in varied.items()})
    model.set_weights(best[1])
    return kernels, np.array(losses), model


def _all_at_once(
    model: Any,
    varied: dict[str, np.ndarray],
    x: Any,
    y: Any,
    fit: dict[str, Any],
) -> tuple[Kernels, np.ndarray, Any]:
    population = Population(
        lambda: transforms.regularize(model),
        {path: values.tolist() for path, values in varied.items()},
    )
    histories = population.fit(x, y, **fit)
    kernels = Kernels()
    for trial in range(population.size):
        kernels.add(_kernels(population.unstack(trial)))
    losses = np.array(
        [history.get("val_data_loss", [np.nan])[-1] for history in histories]
    )
    return kernels, losses, population.unstack(best_of(losses))


def _validates(fit: dict[str, Any]) -> bool:
    return fit.get("validation_data") is not None or bool(
        fit.get("validation_split")
    )


def _kernels(model: Any) -> dict[str, np.ndarray]:
    """Returns the kernels of a model, by the path of layer and weight."""
    # Inner layers come after the layers that hold them, and count.
    names = {
        id(weight): f"{path}/{weight.name}"
        for path, layer in walk(model)
        for weight in layer.trainable_variables
    }
    return {
        names[id(weight)]: ops.convert_to_numpy(weight).copy()
        for weight in model.trainable_variables
        if len(weight.shape) > 1
    }

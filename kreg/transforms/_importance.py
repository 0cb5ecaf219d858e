"""`importance`: how much a network's first layer makes of each feature."""

import math
from typing import Any

import numpy as np

from kreg._validation import fail
from kreg.transforms._graph import check_model, read
from kreg.transforms._outgoing import Outgoing

ADVICE = "Build it of the same layers with `keras.Model(inputs, outputs)`."


def importance(model: Any, x: Any = None, norm: str = "l2") -> Any:
    """Returns the norm of the outgoing weights of each input feature.

    What "importance of predictors" means for the first layer of a network:
    the norm of all first-layer weights that multiply the feature. Weights
    multiply features of different spread, so they compare only if the
    features are standardized, or if data is given: then each norm is
    multiplied by the feature's standard deviation over the samples. It says
    nothing of what later layers do, and correlated features share theirs.

    The norm of feature j, with weights `w_j`, is

        l2:     sqrt(sum(square(w_j)))
        group:  sqrt(size(w_j)) * sqrt(sum(square(w_j)))

    the second being the feature's term in a group lasso. Between the inputs
    and the first kernels may stand Flatten, Reshape, Concatenate, noise, and
    `Rescaling`, `Normalization`, `BatchNormalization` and `FeatureGate`, whose
    scale at inference counts.

    Args:
        model: Built Sequential or Functional Keras model.
        x: Optional array of inputs `(samples, ...)`, or list or dict of
            arrays as the model takes them, for the standard deviations.
        norm: `"l2"` or `"group"`. Defaults to `"l2"`.

    Returns:
        Float array of the shape of one sample (an axis of unknown length has
        length 1); a dict of them, by the names of the inputs, if the model
        has several. In the unit of the first layer's outputs if `x` is given,
        else in that per unit of the feature.

    Raises:
        TypeError: If `model` is not a Keras 3 model, or is a subclassed one.
        ValueError: If the model is not built, `x` does not fit it or is not
            finite, or something other than a Dense layer or a convolution
            comes first.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.set_weights([np.array([[3.0, 4.0], [0.0, 1.0]]), np.zeros(2)])
    >>> kreg.importance(model)
    array([5., 1.], dtype=float32)
    >>> kreg.importance(model, x=np.array([[0.0, 10.0], [0.0, 20.0]]))
    array([0., 5.], dtype=float32)

    References:

    - [Scardapane et al., 2017](https://arxiv.org/abs/1607.00485) (groups of
      the weights that leave an input)
    """
    check_model(model, ADVICE)
    if norm not in ("l2", "group"):
        fail("norm", "'l2' or 'group'", norm)
    if not model.built:
        fail("model", "a built model", model, "Call it on data first")
    graph = read(model)
    data = _data(model, x, graph.inputs)
    found = {}
    for tensor, values in zip(graph.inputs, data, strict=True):
        shape = tuple(n or 1 for n in graph.shapes[tensor][1:])
        outgoing = Outgoing(math.prod(shape))
        outgoing.follow(graph, tensor, outgoing.elements(shape))
        size = outgoing.counts if norm == "group" else 1.0
        norms = np.sqrt(outgoing.squares * size).reshape(shape)
        if values is not None:
            norms = norms * _deviation(values, shape)
        found[tensor.layer] = norms.astype("float32")
    return found if len(found) > 1 else next(iter(found.values()))


def _data(model: Any, x: Any, inputs: list[Any]) -> list[Any]:
    """Returns the array of each input, or `None` for each."""
    if x is None:
        return [None] * len(inputs)
    names = [tensor.layer for tensor in inputs]
    if isinstance(x, dict):
        if set(x) != set(names):
            fail("x", f"arrays for the inputs {names}", sorted(x))
        return [x[name] for name in names]
    arrays = list(x) if len(inputs) > 1 else [x]
    if len(arrays) != len(inputs):
        fail("x", f"an array for each of the inputs {names}", len(arrays))
    return arrays


def _deviation(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        values = np.asarray(values, "float64")
    except (TypeError, ValueError):
        fail("x", "an array of numbers", type(values).__name__)
    fits = values.ndim == len(shape) + 1 and all(
        wanted in (1, given)
        for wanted, given in zip(shape, values.shape[1:], strict=True)
    )
    if not fits or not values.size or not np.isfinite(values).all():
        fail("x", f"finite values of shape (samples, *{shape})", values.shape)
    longer = tuple(
        axis + 1
        for axis, size in enumerate(shape)
        if size != values.shape[axis + 1]
    )
    return values.std(axis=(0, *longer)).reshape(shape)

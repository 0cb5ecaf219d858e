"""`compact`: removes what became zero, and returns a smaller model."""

from typing import Any

import numpy as np
from keras import ops

from kreg._structure import walk
from kreg._validation import check_non_negative
from kreg.transforms._cutting import Cuts
from kreg.transforms._graph import check_model, config_of, refuse_split
from kreg.transforms._rebuilding import copy_compilation, copy_weights, rebuilt
from kreg.transforms._report import report_of

ADVICE = "Build it of the same layers with `keras.Model(inputs, outputs)`."


def compact(model: Any, tolerance: float = 0.0, report: bool = False) -> Any:
    """Removes dead units and returns a smaller model with the same outputs.

    A unit is dead if all weights that lead from it to what is alive are zero,
    or if none that lead into it are other than zero: then its output is a
    constant, which is added to the next bias. Filters and channels likewise.
    Such zeros are what proximal steps with a group penalty make; gradient
    steps alone make none.

    Understood are Dense, Conv1D/2D/3D, SeparableConv, DepthwiseConv,
    BatchNormalization and FeatureGate, on the last axis, with activations,
    pooling, padding, upsampling, Flatten, Reshape, noise layers, Concatenate,
    and Add, Multiply and their like, whose branches keep the union of what
    either needs; also inside TimeDistributed and kreg's wrappers. All else is
    left whole, with what it takes and makes: layers of your own, recurrent,
    attention and embedding layers, LayerNormalization over the channels (a
    constant input moves the mean and variance of all others), layers whose
    penalty holds an array of weights or groups of units, or whose initializer
    holds an array. The interfaces of nested models stay, and so do the shapes
    of inputs and outputs: input features without weights are reported, not
    removed. A layer whose units are all dead keeps one if there is a way
    around it.

    The new model is an ordinary Keras model: it saves, loads and trains on.
    It is compiled like the old one; its optimizer begins anew, unless nothing
    was removed. The old model is not changed.

    A penalty makes what it spares smaller too. To win back the accuracy that
    costs, compile the new model with a plain optimizer and train it for some
    epochs without the penalty; `examples/compress.py` does.

    Args:
        model: Built Sequential or Functional Keras model.
        tolerance: Float >= 0, in the unit of the weights. Weights of this
            size or smaller count as zero when a unit's fate is decided. With
            `0.0` the outputs stay the same but for rounding. Defaults to
            `0.0`.
        report: Boolean. Whether to return a report too. Defaults to `False`.

    Returns:
        A new Keras model; with `report=True` a tuple of it and a
        `CompactReport`: `layers`, `before`, `after`, `dropped_inputs`, and a
        table when printed.

    Raises:
        TypeError: If `model` is not a Keras 3 model, or is a subclassed one.
        ValueError: If `tolerance` is negative, the model is not built, its
            weights are not finite, a layer stands in two of the models nested
            in it, or nothing of it would be left.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((3,)),
    ...     keras.layers.Dense(4, activation="relu", name="hidden"),
    ...     keras.layers.Dense(2, name="scores"),
    ... ])
    >>> kernel = np.ones((3, 4), "float32")
    >>> kernel[:, 1] = 0.0  # as group lasso does
    >>> _ = model.get_layer("hidden").kernel.assign(kernel)
    >>> small, report = kreg.compact(model, report=True)
    >>> small.get_layer("hidden").units
    3
    >>> report.before.parameters, report.after.parameters
    (26, 20)
    """
    check_model(model, ADVICE)
    tolerance = check_non_negative(tolerance, "tolerance")
    _check_weights(model)
    refuse_split(model)
    cuts = Cuts(model, tolerance)
    if cuts.analyses[""].is_constant():
        raise ValueError(
            "Nothing would be left of the model: its outputs are constant, "
            "since no path of weights above the tolerance leads from its "
            f"inputs to its outputs. Received: tolerance={tolerance!r}"
        )
    new = rebuilt(model, cuts.configured(config_of(model), model))
    copy_weights(model, new, skip=cuts.paths(model))
    cuts.assign(dict(walk(new)))
    copy_compilation(model, new)
    return (new, report_of(model, new, cuts)) if report else new


def _check_weights(model: Any) -> None:
    if not model.built:
        raise ValueError(
            "Invalid value for argument `model`. Expected a built model. "
            "Received: a model without weights. Call it on data first."
        )
    for path, layer in walk(model):
        for weight in layer.weights if path else ():
            values = ops.convert_to_numpy(weight)
            if not np.isfinite(values.astype("float64")).all():
                raise ValueError(
                    "Invalid value for argument `model`. Expected finite "
                    f"weights. Received: NaN or infinity in {weight.name!r} "
                    f"of layer {path!r}"
                )

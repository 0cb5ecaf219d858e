"""`regularize`: puts penalties and dropout into an existing model."""

from typing import Any

from kreg._validation import fail
from kreg.regularizers import Penalty
from kreg.transforms._graph import check_model, config_of, refuse_split
from kreg.transforms._insertion import Insertion, check_dropout
from kreg.transforms._penalties import check_penalty, penalized
from kreg.transforms._rebuilding import copy_compilation, copy_weights, rebuilt
from kreg.transforms._rules import rule
from kreg.transforms._twins import translated

ADVICE = (
    "Pass penalties to its layers where it makes them: "
    "`keras.layers.Dense(64, kernel_regularizer=kreg.regularizers.L2(1e-4))`, "
    "and call a `kreg.layers.ScheduledDropout(0.5)` among them."
)


def regularize(
    model: Any,
    kernel: Any = None,
    bias: Any = None,
    activity: Any = None,
    dropout: Any = None,
    where: Any = None,
    after: Any = None,
) -> Any:
    """Returns the model with penalties and dropout put in by rule.

    Makes an existing model tunable: `kreg.regularize(model)` alone replaces
    the L1, L2 and L1L2 penalties and the dropout layers of Keras by those of
    kreg with the same values, so that `kreg.strengths` finds them. With
    arguments it adds more. The model itself is not changed.

    The new model has the same layers under the same names, weights, trainable
    flags, and compile state (the optimizer's own state too, if the order of
    the weights has not changed, as it can where branches run in parallel). At
    inference its outputs are the same.

    Every layer gets a penalty of its own, with a strength of its own. A
    penalty given here takes the place of the one a layer has. Dropout goes
    after hidden activations: never between the last kernel and an output, and
    never where there is noise already before the next kernel. Rates that are
    arguments of recurrent and attention layers (`LSTM(dropout=0.2)`) stay
    plain numbers.

    Args:
        model: Sequential or Functional Keras model, built or not, with shared
            layers, branches, several outputs and nested models.
        kernel: Optional penalty, such as `kreg.regularizers.L2(1e-4)`, on
            the kernels (also recurrent, depthwise and pointwise ones).
        bias: Optional penalty on the biases.
        activity: Optional penalty on the outputs of layers with a kernel.
        dropout: Optional rate in [0, 1] or layer, such as
            `kreg.layers.ScheduledDropout(0.2, kreg.schedules.Ramp(1000))`, of
            which copies are put in. Where a copy is called several times in a
            step (it is in a nested model), its `calls_per_step` says so.
        where: Which layers get the penalties: a layer class, a pattern such
            as `"block1_*"` of their names or paths, a function of the layer
            that returns a boolean, or a sequence of these. Defaults to all.
        after: Which layers dropout goes after, likewise, or operations such
            as `keras.ops.relu(x)`. Defaults to those that end in an
            activation other than linear, softmax and sigmoid.

    Returns:
        A new Keras model of the class of `model`.

    Raises:
        TypeError: If `model` is not a Keras 3 model, or is a subclassed one.
        ValueError: If an argument is of the wrong kind, a rule matches no
            layer, a penalty or the dropout finds no place, or a layer stands
            in two of the models nested in it.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((4,)),
    ...     keras.layers.Dense(8, activation="relu", name="hidden"),
    ...     keras.layers.Dense(3, name="scores"),
    ... ])
    >>> model = kreg.regularize(
    ...     model, kernel=kreg.regularizers.L2(1e-4), dropout=0.5
    ... )
    >>> kreg.strengths(model)
    Strengths:
      hidden/kernel_regularizer/l2  0.0001
      hidden_dropout/rate           0.5
      scores/kernel_regularizer/l2  0.0001
    """
    check_model(model, ADVICE)
    given = {"kernel": kernel, "bias": bias, "activity": activity}
    penalties = {
        name: config
        for name, value in given.items()
        if (config := check_penalty(value, name)) is not None
    }
    template = check_dropout(dropout)
    if where is not None and not penalties:
        fail("where", "`kernel`, `bias` or `activity` beside it", where)
    if after is not None and template is None:
        fail("after", "`dropout` beside it", after)
    places = rule(where, "where", model)
    targets = rule(after, "after", model)
    refuse_split(model)
    config = _with_penalties(model, penalties, places)
    if template is not None:
        insertion = Insertion(template, targets)
        config = insertion.into(model, config)
        if not insertion.candidates:
            fail(
                "dropout",
                "a model with an activation, other than that of its output "
                "layers, to put it after",
                dropout,
                "Name layers with `after`",
            )
    new = rebuilt(model, config)
    _check_shapes(new)
    copy_weights(model, new)
    copy_compilation(model, new)
    return new


def _with_penalties(
    model: Any, penalties: dict[str, dict[str, Any]], where: Any
) -> dict[str, Any]:
    """Returns the config of the model, in kreg's terms, with the penalties."""
    placed: set[str] = set()
    whole = {"config": translated(config_of(model))}
    config = penalized(whole, model, "", penalties, where, placed)["config"]
    for name in penalties:
        if name not in placed:
            fail(
                name,
                "a model with such weights in the layers meant"
                if where
                else "a model with such weights",
                penalties[name]["class_name"],
            )
    return config


def _check_shapes(model: Any) -> None:
    """Raises `ValueError` if a penalty does not fit a weight of the model."""
    for variable in model.weights:
        if isinstance(variable.regularizer, Penalty):
            variable.regularizer.check_shape(tuple(variable.shape))

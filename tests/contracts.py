"""The table of public classes; a row gives a class all contract tests.

To add a class, add a row. `test_contracts.py` fails while one is missing.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import kreg

RATE_SENTENCE = (
    "Invalid value for argument `rate`. Expected a float in [0, 1]. "
    "Received: rate={}"
)
STRENGTH_SENTENCE = (
    "Invalid value for argument `{0}`. Expected a finite non-negative float. "
    "Received: {0}={1}"
)
POSITIVE_SENTENCE = (
    "Invalid value for argument `{0}`. Expected a finite positive float. "
    "Received: {0}={1}"
)
WEIGHTS_SENTENCE = (
    "Invalid value for argument `weights`. Expected an array of finite "
    "non-negative numbers, a function of the variable, or None. "
    "Received: weights="
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One public class.

    Attributes:
        kind: `"penalty"`, `"layer"`, `"schedule"`, `"optimizer"`, `"loss"` or
            `"model"`: how it gets into a model, or that it is one.
        make: Returns an instance with no default left at its default.
        invalid: `(make, exact sentence)` of constructions that must raise.
        input_shape: Shape of one sample that a layer takes.
        changes_the_model: False for a layer that passes its inputs on, so
            that its strength does not show under the loss of the tests.
        call: Calls a layer on a tensor, as `layer(x, **kwargs)` does.
    """

    cls: type
    kind: str
    make: Callable[[], Any]
    invalid: tuple[tuple[Callable[[], Any], str], ...]
    input_shape: tuple[int, ...] = (6,)
    changes_the_model: bool = True
    call: Callable[..., Any] = lambda layer, x, **kwargs: layer(x, **kwargs)

    def __str__(self) -> str:
        return self.cls.__name__


def _refuses_strengths(cls: type, argument: str) -> tuple:
    def row(value: Any, shown: str) -> tuple:
        sentence = STRENGTH_SENTENCE.format(argument, shown)
        return (lambda: cls(**{argument: value}), sentence)

    return (
        row(-1e-3, "-0.001"),
        row(float("nan"), "nan"),
        row(float("inf"), "inf"),
        row(1e39, "1e+39"),  # infinite in float32
        row(True, "True (of type bool)"),
        row("0.1", "'0.1' (of type str)"),
    )


def _refuses_weights(cls: type) -> tuple:
    return (
        (lambda: cls(weights=[1.0, -1.0]), WEIGHTS_SENTENCE + "[1.0, -1.0]"),
        (lambda: cls(weights=[float("nan")]), WEIGHTS_SENTENCE + "[nan]"),
        (lambda: cls(weights="heavy"), WEIGHTS_SENTENCE + "'heavy'"),
        (
            lambda: cls(weights=[1.0, 2.0])(np.ones((2, 3), "float32")),
            "Invalid value for argument `weights`. Expected an array that "
            "broadcasts to the penalized shape (2, 3). Received: "
            "weights='array of shape (2,)'",
        ),
    )


def _refuses_stretches(cls: type) -> tuple:
    return (
        (lambda: cls(steps=0), POSITIVE_SENTENCE.format("steps", "0")),
        (lambda: cls(steps=-3), POSITIVE_SENTENCE.format("steps", "-3")),
        (
            lambda: cls(steps=10, steps_per_epoch=0),
            POSITIVE_SENTENCE.format("steps_per_epoch", "0"),
        ),
    )


L = kreg.layers
O = kreg.optimizers  # noqa: E741
R = kreg.regularizers
S = kreg.schedules

PENALTIES = (
    Row(
        R.L1,
        "penalty",
        lambda: R.L1(0.02, weights=[2.0]),
        _refuses_strengths(R.L1, "l1") + _refuses_weights(R.L1),
    ),
    Row(
        R.L2,
        "penalty",
        lambda: R.L2(0.03, weights=[2.0]),
        _refuses_strengths(R.L2, "l2") + _refuses_weights(R.L2),
    ),
    Row(
        R.L1L2,
        "penalty",
        lambda: R.L1L2(l1=0.02, l2=0.03),
        _refuses_strengths(R.L1L2, "l1") + _refuses_strengths(R.L1L2, "l2"),
    ),
)

LAYERS = (
    Row(
        L.ScheduledDropout,
        "layer",
        lambda: L.ScheduledDropout(
            0.4,
            schedule=S.Ramp(steps=5),
            noise_shape=(None, 1),
            seed=3,
            calls_per_step=1,
            name="drop",
        ),
        (
            (lambda: L.ScheduledDropout(1.2), RATE_SENTENCE.format("1.2")),
            (lambda: L.ScheduledDropout(-0.1), RATE_SENTENCE.format("-0.1")),
            (
                lambda: L.ScheduledDropout(True),
                RATE_SENTENCE.format("True (of type bool)"),
            ),
            (
                lambda: L.ScheduledDropout("a"),
                RATE_SENTENCE.format("'a' (of type str)"),
            ),
            (
                lambda: L.ScheduledDropout(0.5, seed=0.5),
                "Invalid value for argument `seed`. Expected an integer, a "
                "keras.random.SeedGenerator or None. Received: seed=0.5",
            ),
            (
                lambda: L.ScheduledDropout(0.5, calls_per_step=0),
                "Invalid value for argument `calls_per_step`. Expected a "
                "positive integer. Received: calls_per_step=0",
            ),
        ),
    ),
    Row(
        L.ScheduledPenalty,
        "layer",
        lambda: L.ScheduledPenalty(
            keras.layers.Dense(6),
            R.L2(0.03),
            S.Ramp(steps=5),
            weights=("kernel", "bias"),
            calls_per_step=1,
        ),
        (
            (
                lambda: L.ScheduledPenalty(
                    keras.layers.Dense(6), R.L2(0.1), None
                ),
                "Invalid value for argument `schedule`. Expected a schedule; "
                "see kreg.schedules. Received: schedule=None (of type "
                "NoneType)",
            ),
        ),
    ),
)

SCHEDULES = (
    Row(
        S.Constant,
        "schedule",
        lambda: S.Constant(0.5),
        (
            (
                lambda: S.Constant(1.5),
                "Invalid value for argument `level`. Expected a float in "
                "[0, 1]. Received: level=1.5",
            ),
        ),
    ),
    Row(
        S.Ramp,
        "schedule",
        lambda: S.Ramp(steps=4, begin_step=1, steps_per_epoch=3),
        _refuses_stretches(S.Ramp),
    ),
    Row(
        S.Anneal,
        "schedule",
        lambda: S.Anneal(steps=4, begin_step=1, steps_per_epoch=3),
        _refuses_stretches(S.Anneal),
    ),
    Row(
        S.Cosine,
        "schedule",
        lambda: S.Cosine(4, 1, start=0.2, end=0.9, steps_per_epoch=3),
        _refuses_stretches(S.Cosine),
    ),
    Row(
        S.Polynomial,
        "schedule",
        lambda: S.Polynomial(4, 2.0, 1, start=0.2, end=0.9, steps_per_epoch=3),
        _refuses_stretches(S.Polynomial),
    ),
    Row(
        S.Exponential,
        "schedule",
        lambda: S.Exponential(gamma=0.5, begin_step=1, steps_per_epoch=3),
        (
            (
                lambda: S.Exponential(gamma=0.0),
                POSITIVE_SENTENCE.format("gamma", "0.0"),
            ),
        ),
    ),
    Row(
        S.Early,
        "schedule",
        lambda: S.Early(steps=4, descent_steps=2, steps_per_epoch=3),
        _refuses_stretches(S.Early),
    ),
    Row(
        S.Late,
        "schedule",
        lambda: S.Late(steps=4, ascent_steps=2, steps_per_epoch=3),
        _refuses_stretches(S.Late),
    ),
    Row(
        S.Piecewise,
        "schedule",
        lambda: S.Piecewise([2, 4], [0.1, 0.5, 1.0], steps_per_epoch=3),
        (
            (
                lambda: S.Piecewise([4, 2], [0.1, 0.5, 1.0]),
                "Invalid value for argument `boundaries`. Expected increasing "
                "numbers. Received: boundaries=[4, 2] (of type list)",
            ),
        ),
    ),
)


def _noise(
    cls: type,
    input_shape: tuple[int, ...] = (6,),
    value: float = 0.4,
    argument: str = "rate",
    sentence: str = RATE_SENTENCE,
    invalid: tuple = (),
    make: Callable[..., Any] | None = None,
    call: Callable[..., Any] = Row.call,
    **arguments: Any,
) -> Row:
    """A row of a noise layer, whose Strength is the argument `argument`."""
    make = make or cls

    def refuses(bad: Any, shown: str) -> tuple:
        return (lambda: make(**{argument: bad}), sentence.format(shown))

    return Row(
        cls,
        "layer",
        lambda: make(
            **{argument: value},
            schedule=S.Ramp(steps=5),
            seed=3,
            calls_per_step=1,
            name="noise",
            **arguments,
        ),
        (
            refuses(-0.1, "-0.1"),
            refuses(float("nan"), "nan"),
            refuses(1e39, "1e+39"),
            refuses(True, "True (of type bool)"),
            refuses("a", "'a' (of type str)"),
            (
                lambda: make(**{argument: value}, seed=0.5),
                "Invalid value for argument `seed`. Expected an integer, a "
                "keras.random.SeedGenerator or None. Received: seed=0.5",
            ),
            (
                lambda: make(**{argument: value}, calls_per_step=0),
                "Invalid value for argument `calls_per_step`. Expected a "
                "positive integer. Received: calls_per_step=0",
            ),
            *invalid,
        ),
        input_shape,
        call=call,
    )


def _refuses_data_format(cls: type) -> tuple:
    return (
        (
            lambda: cls(0.1, data_format="NHWC"),
            "Invalid value for argument `data_format`. Expected "
            '"channels_last" or "channels_first". Received: '
            "data_format='NHWC' (of type str)",
        ),
    )


STDDEV_SENTENCE = STRENGTH_SENTENCE.format("stddev", "{}")

LAYERS += (
    _noise(L.ScheduledSpatialDropout1D, (4, 6)),
    _noise(
        L.ScheduledSpatialDropout2D,
        (4, 4, 3),
        data_format="channels_first",
        invalid=_refuses_data_format(L.ScheduledSpatialDropout2D),
    ),
    _noise(
        L.ScheduledSpatialDropout3D,
        (3, 2, 2, 4),
        data_format="channels_first",
        invalid=_refuses_data_format(L.ScheduledSpatialDropout3D),
    ),
    _noise(
        L.ScheduledGaussianDropout,
        sentence=RATE_SENTENCE.replace("1]", "0.9999]"),
        invalid=(
            (
                lambda: L.ScheduledGaussianDropout(1.0),
                RATE_SENTENCE.replace("1]", "0.9999]").format("1.0"),
            ),
        ),
    ),
    _noise(
        L.ScheduledGaussianNoise, argument="stddev", sentence=STDDEV_SENTENCE
    ),
    _noise(L.ScheduledAlphaDropout, noise_shape=(None, 1)),
    _noise(L.DropPath),
    _noise(
        L.DropBlock2D,
        (2, 5, 5),
        block_size=3,
        data_format="channels_first",
        invalid=(
            *_refuses_data_format(L.DropBlock2D),
            (
                lambda: L.DropBlock2D(0.1, block_size=0),
                "Invalid value for argument `block_size`. Expected a positive "
                "integer. Received: block_size=0",
            ),
        ),
    ),
    _noise(
        L.ScheduledAugmentation,
        (4, 4, 3),
        make=lambda rate, **kwargs: L.ScheduledAugmentation(
            keras.layers.RandomErasing(
                factor=(1.0, 1.0),
                value_range=(0, 1),
                seed=2,
                dtype="float32",  # it fails in float16 on TensorFlow
            ),
            rate,
            **kwargs,
        ),
    ),
    _noise(
        L.DropConnect,
        make=lambda rate, **kwargs: L.DropConnect(
            keras.layers.Dense(5), rate, **kwargs
        ),
        weights=("kernel", "bias"),
    ),
    _noise(
        L.WeightNoise,
        argument="stddev",
        sentence=STDDEV_SENTENCE,
        make=lambda stddev, **kwargs: L.WeightNoise(
            keras.layers.Dense(5), stddev, **kwargs
        ),
        weights=("kernel", "bias"),
    ),
)


def _mix(layer: Any, x: Any, **kwargs: Any) -> Any:
    """Calls a layer that mixes labels too; they are made of the images."""
    labels = keras.ops.mean(x, axis=(1, 2))
    return layer({"images": x, "labels": labels}, **kwargs)["images"]


LAYERS += (
    _noise(
        L.ScheduledMixUp,
        (4, 4, 3),
        call=_mix,
        alpha=0.5,
        data_format="channels_first",
        invalid=(
            *_refuses_data_format(L.ScheduledMixUp),
            (
                lambda: L.ScheduledMixUp(0.5, alpha=0.0),
                POSITIVE_SENTENCE.format("alpha", "0.0"),
            ),
        ),
    ),
    _noise(
        L.ScheduledCutMix,
        (4, 4, 3),
        call=_mix,
        factor=0.5,
        data_format="channels_last",
        invalid=(
            *_refuses_data_format(L.ScheduledCutMix),
            (
                lambda: L.ScheduledCutMix(0.5, factor=1.5),
                RATE_SENTENCE.replace("rate", "factor").format("1.5"),
            ),
        ),
    ),
)

# Penalties with structure.
GROUPS_SENTENCE = (
    "Invalid value for argument `group_axis`. Expected an integer. "
    "Received: group_axis=0.5"
)


def _penalty(cls: type, *more: tuple, make: Any = None, **arguments: Any):
    """A row of a penalty whose float arguments are all strengths."""
    refused = tuple(
        row
        for name, value in arguments.items()
        if isinstance(value, float)
        for row in _refuses_strengths(cls, name)
    )
    return Row(
        cls, "penalty", make or (lambda: cls(**arguments)), refused + more
    )


GROUPS = {"group_axis": -1, "group_size": 2, "scale": False}
MORE_PENALTIES = (
    _penalty(R.ElasticNet, l1=0.02, l2=0.03),
    _penalty(
        R.GroupLasso,
        (lambda: R.GroupLasso(group_axis=0.5), GROUPS_SENTENCE),
        (
            lambda: R.GroupLasso(group_size=0),
            "Invalid value for argument `group_size`. Expected a positive "
            "integer. Received: group_size=0",
        ),
        (
            lambda: R.GroupLasso(group_axis=2)(np.ones((2, 3), "float32")),
            "Invalid value for argument `group_axis`. Expected an axis of "
            "the penalized weight of shape (2, 3). Received: group_axis=2",
        ),
        (
            lambda: R.GroupLasso(group_axis=-1, group_size=2).prox(
                np.ones((2, 3), "float32"), 1.0
            ),
            "Invalid value for argument `group_size`. Expected a divisor of "
            "3, the length of axis -1 of the penalized weight of shape "
            "(2, 3). Received: group_size=2",
        ),
        strength=0.02,
        **GROUPS,
    ),
    _penalty(
        R.SparseGroupLasso,
        (lambda: R.SparseGroupLasso(group_axis=0.5), GROUPS_SENTENCE),
        l1=0.02,
        group=0.03,
        **GROUPS,
    ),
    _penalty(
        R.Orthogonal,
        (
            lambda: R.Orthogonal(mode="lines"),
            'Invalid value for argument `mode`. Expected "rows" or '
            "\"columns\". Received: mode='lines' (of type str)",
        ),
        strength=0.02,
        mode="columns",
    ),
    _penalty(R.SpectralNorm, strength=0.02),
    _penalty(R.NuclearNorm, strength=0.02),
    _penalty(R.Hoyer, strength=0.02),
    Row(
        R.Sum,
        "penalty",
        lambda: R.Sum([R.L1(0.02), R.GroupLasso(0.03, group_axis=1)]),
        (
            (
                lambda: R.Sum([]),
                "Invalid value for argument `penalties`. Expected a non-empty "
                "sequence of distinct kreg penalties. Received: penalties=[]",
            ),
            (
                lambda: R.Sum([keras.regularizers.L1(0.1)]),
                "Invalid value for argument `penalties`. Expected a non-empty "
                "sequence of distinct kreg penalties. Received: penalties=[<",
            ),
        ),
    ),
)
PENALTIES += MORE_PENALTIES

GATES = (
    Row(
        L.FeatureGate,
        "layer",
        lambda: L.FeatureGate(
            0.05,
            open_probability=1 - 1e-9,  # so all gates are 1: no randomness
            schedule=S.Ramp(steps=5),
            seed=3,
            calls_per_step=1,
            name="gate",
        ),
        _refuses_strengths(L.FeatureGate, "strength")
        + (
            (
                lambda: L.FeatureGate(open_probability=1.0),
                "Invalid value for argument `open_probability`. Expected a "
                "float in (0, 1). Received: open_probability=1.0",
            ),
        ),
    ),
)
LAYERS += GATES

OPTIMIZERS = (
    Row(
        O.Proximal,
        "optimizer",
        lambda: O.Proximal(
            keras.optimizers.SGD(0.1, momentum=0.5),
            {"dense": R.L1(0.02), "head/kernel": R.GroupLasso(0.03)},
            schedule=S.Ramp(steps=5),
            only=["dense", "kernel"],
            exclude="other",
            name="prox",
        ),
        (
            (
                lambda: O.Proximal("sgd", R.Hoyer(0.1)),
                "Invalid value for argument `penalty`. Expected a kreg penalty "
                "that has a proximal operator, such as kreg.regularizers.L1("
                "1e-3), or a mapping from path patterns to such penalties. "
                "Received: penalty=<Hoyer",
            ),
            (
                lambda: O.Proximal("adam", R.NuclearNorm(0.1)),
                "Invalid value for argument `penalty`. Expected a penalty "
                "whose proximal operator takes a step size for each weight, "
                "as this optimizer has. Received: penalty=<NuclearNorm",
            ),
            (
                lambda: O.Proximal("lion", R.L1(0.1)),
                "Invalid value for argument `optimizer`. Expected one of "
                "Keras's SGD, Adam, AdamW, Nadam, Adamax, Adagrad, RMSprop. "
                "Received: optimizer=<",
            ),
            (
                lambda: O.Proximal(
                    keras.optimizers.SGD(0.1, clipnorm=1.0), R.L1(0.1)
                ),
                "Invalid value for argument `optimizer`. Expected SGD "
                "without `clipnorm`. Received: optimizer=<",
            ),
            (
                lambda: O.Proximal("sgd", R.L1(0.1), only=3),
                "Invalid value for argument `only`. Expected a path pattern, "
                "a sequence of them, a function of the variable, or None. "
                "Received: only=3",
            ),
            (
                lambda: O.Proximal("sgd", {}),
                "Invalid value for argument `penalty`. Expected path patterns "
                "as keys. Received: penalty={}",
            ),
        ),
    ),
)

SMOOTHING_SENTENCE = RATE_SENTENCE.replace("rate", "label_smoothing")


def _refuses_smoothing(cls: type) -> tuple:
    def row(value: Any, shown: str) -> tuple:
        return (lambda: cls(value), SMOOTHING_SENTENCE.format(shown))

    return (
        row(-0.1, "-0.1"),
        row(1.2, "1.2"),
        row(float("nan"), "nan"),
        row(True, "True (of type bool)"),
    )


LAYERS += (
    Row(
        L.ScheduledLabelSmoothing,
        "layer",
        lambda: L.ScheduledLabelSmoothing(
            0.2, schedule=S.Ramp(steps=5), calls_per_step=1, name="smoothing"
        ),
        _refuses_smoothing(L.ScheduledLabelSmoothing),
        changes_the_model=False,
    ),
)


def _loss(cls: type) -> Row:
    return Row(
        cls,
        "loss",
        lambda: cls(
            0.2, from_logits=True, reduction="sum", axis=1, name="smoothed"
        ),
        (
            *_refuses_smoothing(cls),
            (
                lambda: cls(0.1, axis=0.5),
                "Invalid value for argument `axis`. Expected an integer. "
                "Received: axis=0.5",
            ),
            (
                lambda: cls(0.1, from_logits=1),
                "Invalid value for argument `from_logits`. Expected a "
                "boolean. Received: from_logits=1",
            ),
        ),
    )


LOSSES = (
    _loss(kreg.losses.SmoothedCategoricalCrossentropy),
    _loss(kreg.losses.SmoothedSparseCategoricalCrossentropy),
)

MODELS = (
    Row(
        kreg.models.RDrop,
        "model",
        lambda: kreg.models.RDrop(
            keras.Sequential(
                [
                    keras.Input((6,), name="x"),
                    L.ScheduledDropout(0.5, seed=3, name="drop"),
                    keras.layers.Dense(3, name="dense"),
                ],
                name="inner",
            ),
            0.5,
            from_logits=True,
            schedule=S.Ramp(steps=5),
            name="r_drop",
        ),
        (
            *(
                (
                    lambda bad=bad: kreg.models.RDrop(
                        keras.layers.Dense(3), bad
                    ),
                    STRENGTH_SENTENCE.format("alpha", shown),
                )
                for bad, shown in ((-1.0, "-1.0"), (float("nan"), "nan"))
            ),
            (
                lambda: kreg.models.RDrop(keras.layers.Dense(3), from_logits=1),
                "Invalid value for argument `from_logits`. Expected a "
                "boolean. Received: from_logits=1",
            ),
            (
                lambda: kreg.models.RDrop(keras.layers.Dense(1))(
                    np.ones((2, 3), "float32"), training=True
                ),
                "Exception encountered when calling RDrop.call().\n\n"
                "\x1b[1mInvalid value for argument `model`. Expected a model "
                "with one output, that of two classes or more. Received: "
                "model=<Dense",
            ),
        ),
    ),
)

MODELS += (
    Row(
        kreg.models.Mixed,
        "model",
        lambda: kreg.models.Mixed(
            keras.layers.Dense(3, name="dense"),
            L.ScheduledMixUp(0.5, schedule=S.Ramp(steps=5), name="mixing"),
            name="mixed",
        ),
        (
            (
                lambda: kreg.models.Mixed(
                    keras.layers.Dense(3), L.ScheduledMixUp()
                )(np.ones((2, 3), "float32"), training=True),
                "Exception encountered when calling Mixed.call().\n\n"
                "\x1b[1mInvalid value for argument `images`. Expected a batch "
                "of images, of rank 4. Received: images of shape (2, 3)",
            ),
        ),
    ),
)

ROWS = PENALTIES + LAYERS + SCHEDULES + OPTIMIZERS + LOSSES + MODELS

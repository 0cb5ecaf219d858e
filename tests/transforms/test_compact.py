import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests.transforms import models
from tests.transforms.models import assert_same_outputs
from tests.transforms.random_models import random_inputs, random_model

layers = keras.layers


def zero(layer, axis, indices, attribute="kernel"):
    """Sets slices of a weight to zero, as a proximal step does."""
    variable = getattr(layer, attribute)
    values = ops.convert_to_numpy(variable).copy()
    np.moveaxis(values, axis, 0)[list(indices)] = 0.0
    variable.assign(values)


def randomize(model, seed=0):
    """Gives each weight a value, biases too."""
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(0.5 * random.normal(size=tuple(variable.shape)))
    return model


def sequential(*held, shape=(6,)):
    return randomize(keras.Sequential([keras.Input(shape), *held]))


def compacted(model, **arguments):
    """The compact model, after a look at its outputs, and the report."""
    small, report = kreg.compact(model, report=True, **arguments)
    assert_same_outputs(model, small, tolerance=1e-5)
    return small, report


def test_a_unit_that_nobody_listens_to():
    model = sequential(
        layers.Dense(5, activation="relu", name="a"), layers.Dense(2, name="b")
    )
    zero(model.get_layer("b"), 0, [1, 3])
    small, report = compacted(model)
    assert small.get_layer("a").units == 3
    assert report.layers["a"][1].parameters == 6 * 3 + 3
    assert report.layers["b"][1].parameters == 3 * 2 + 2


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_constant_unit_moves_into_the_next_bias(use_bias):
    model = sequential(
        layers.Dense(5, activation="sigmoid", name="a"),
        layers.Dense(2, use_bias=use_bias, name="b"),
    )
    zero(model.get_layer("a"), 1, [0, 4])  # sigmoid(bias) is what is left
    small, _ = compacted(model)
    assert small.get_layer("a").units == 3
    assert small.get_layer("b").use_bias


def test_a_layer_may_be_an_activation():
    model = sequential(
        layers.Dense(5, activation=layers.LeakyReLU(0.2), name="a"),
        layers.Conv1D(4, 1, activation=layers.ReLU(max_value=1.0), name="b"),
        layers.Dense(2, name="c"),
        shape=(3, 6),
    )
    zero(model.get_layer("a"), 1, [0])
    zero(model.get_layer("c"), 0, [1, 2])
    small, _ = compacted(model)
    assert small.get_layer("a").units == 4
    assert small.get_layer("b").filters == 2


def test_what_feeds_only_the_dead_is_dead():
    model = sequential(
        layers.Dense(5, activation="relu", name="a"),
        layers.Dense(4, activation="relu", name="b"),
        layers.Dense(3, activation="tanh", name="c"),
        layers.Dense(2, name="d"),
    )
    zero(model.get_layer("d"), 0, [0])
    kernel = ops.convert_to_numpy(model.get_layer("c").kernel).copy()
    kernel[1, 1:] = 0.0  # unit 1 of b speaks to unit 0 of c only
    model.get_layer("c").kernel.assign(kernel)
    kernel = ops.convert_to_numpy(model.get_layer("b").kernel).copy()
    kernel[2, [0, 2, 3]] = 0.0  # and unit 2 of a to unit 1 of b only
    model.get_layer("b").kernel.assign(kernel)
    small, _ = compacted(model)
    assert [layer.units for layer in small.layers] == [4, 3, 2, 2]


def test_images():
    model = sequential(
        layers.Conv2D(6, 3, activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.MaxPooling2D(),
        layers.DepthwiseConv2D(2, activation="relu", name="depth"),
        layers.SeparableConv2D(5, 2, name="separable"),
        layers.Activation("tanh"),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(4, name="dense"),
        shape=(12, 12, 3),
    )
    zero(model.get_layer("norm"), 0, [1], "gamma")  # beta goes on
    zero(model.get_layer("conv"), 3, [2])
    zero(model.get_layer("separable"), 3, [3], "pointwise_kernel")
    zero(model.get_layer("depth"), 2, [5])
    small, report = compacted(model)
    after = {path: sizes[1] for path, sizes in report.layers.items()}
    assert after["conv"].units == after["depth"].units == 3
    assert after["norm"].parameters == 4 * 3
    assert after["separable"].units == 4
    positions = 3 * 3  # 12 -> 10 -> 5 -> 4 -> 3
    assert after["dense"].parameters == positions * 4 * 4 + 4
    assert after["conv"].multiply_adds == 10 * 10 * (3 * 3 * 3 * 3)
    assert after["conv"].bytes == 4 * after["conv"].parameters
    assert small.count_params() == report.after.parameters


@pytest.mark.parametrize(
    ("shape", "conv", "flat"),
    [
        ((8, 3), layers.Conv1D, layers.GlobalAveragePooling1D),
        ((5, 5, 3), layers.Conv2D, layers.GlobalMaxPooling2D),
        ((4, 4, 4, 2), layers.Conv3D, layers.GlobalAveragePooling3D),
    ],
)
def test_convolutions_of_all_ranks(shape, conv, flat):
    model = sequential(
        conv(5, 2, padding="same", activation="relu", name="a"),
        conv(4, 2, name="b"),
        flat(),
        layers.Dense(2),
        shape=shape,
    )
    zero(model.get_layer("a"), -1, [0, 3])
    zero(model.get_layer("a"), 0, [0, 3], "bias")
    zero(model.get_layer("b"), -1, [1])
    small, _ = compacted(model)
    assert small.get_layer("a").filters == 3
    assert small.get_layer("b").filters == 3


def test_a_constant_before_padding_cannot_be_folded():
    model = sequential(
        layers.Conv2D(3, 1, activation="sigmoid", name="a"),
        layers.Conv2D(2, 3, padding="same", name="b"),
        shape=(5, 5, 2),
    )
    zero(model.get_layer("a"), 3, [1])  # sigmoid(bias), but 0 beyond the edge
    small, _ = compacted(model)
    assert small.get_layer("a").filters == 3


@pytest.mark.backends("tensorflow", "jax")  # on Torch, Keras has no such axes
@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize(
    ("axis", "arguments", "units"),
    [
        (1, {}, 3),
        (-2, {"center": False}, 3),
        (1, {"scale": False}, 3),
        (1, {"rms_scaling": True}, 5),
        (1, {"beta_initializer": "glorot_uniform"}, 4),
        ((1, 2), {}, 5),
        (-1, {}, 5),
    ],
)
def test_layer_normalization_of_each_channel_by_itself(axis, arguments, units):
    model = sequential(
        layers.Dense(5, name="a"),
        layers.LayerNormalization(axis, **arguments),
        layers.Dense(2, name="b"),
        shape=(4, 6),
    )
    beta = model.layers[1].beta
    if beta is not None and "beta_initializer" not in arguments:
        beta.assign(0.3 * ops.ones(beta.shape))
    zero(model.get_layer("a"), 1, [0])  # its bias stays: a constant
    zero(model.get_layer("b"), 0, [2])
    small, _ = compacted(model)
    assert small.get_layer("a").units == units


def test_coupled_branches_keep_the_union():
    inputs = keras.Input((6,))
    a = layers.Dense(5, name="a")(inputs)
    b = layers.Dense(5, name="b")(inputs)
    outputs = layers.Dense(2, name="out")(layers.Add()([a, b]))
    model = randomize(keras.Model(inputs, outputs))
    for name, dead in (("a", [0, 1, 2]), ("b", [1, 2, 3])):
        zero(model.get_layer(name), 1, dead)
    small, _ = compacted(model)
    assert small.get_layer("a").units == small.get_layer("b").units == 3


def test_concatenated_branches_are_cut_one_by_one():
    inputs = keras.Input((6,))
    a = layers.Dense(5, name="a")(inputs)
    b = layers.Dense(4, name="b")(inputs)
    outputs = layers.Dense(2, name="out")(layers.Concatenate()([a, b]))
    model = randomize(keras.Model(inputs, outputs))
    zero(model.get_layer("out"), 0, [0, 2, 8])
    small, _ = compacted(model)
    assert small.get_layer("a").units == 3
    assert small.get_layer("b").units == 3


def test_a_dead_branch_with_a_way_around_keeps_one_unit():
    inputs = keras.Input((6,))
    hidden = layers.Dense(6, activation="relu", name="a")(inputs)
    around = layers.Dense(6, name="b")(hidden) + inputs
    model = randomize(keras.Model(inputs, layers.Dense(2)(around)))
    zero(model.get_layer("b"), 0, range(6))
    small, _ = compacted(model)
    assert small.get_layer("a").units == 1


@pytest.mark.parametrize(
    ("shared", "units"), [(keras.layers.ReLU, 3), (keras.layers.Flatten, 4)]
)
def test_a_layer_of_tensors_of_several_widths(shared, units):
    inputs = keras.Input((6,))
    one, two = keras.layers.Dense(4), keras.layers.Dense(5)
    layer = shared()
    joined = keras.layers.Concatenate()(
        [layer(one(inputs)), layer(two(inputs))]
    )
    model = keras.Model(inputs, keras.layers.Dense(2)(joined))
    randomize(model)
    zero(one, 1, [0])
    zero(one, 0, [0], "bias")
    small, _ = compacted(model)
    assert small.get_layer(one.name).units == units


def test_nested_models_and_shared_layers():
    inner_inputs = keras.Input((6,))
    hidden = layers.Dense(5, activation="tanh", name="h")(inner_inputs)
    inner = keras.Model(inner_inputs, layers.Dense(6)(hidden), name="inner")
    shared = layers.Dense(6, activation="relu", name="shared")
    inputs = keras.Input((6,))
    x = layers.Dense(6, activation="relu", name="first")(inputs)
    x = layers.Dense(6, name="second")(shared(shared(x)))
    x = inner(inner(x))
    model = randomize(keras.Model(inputs, x))
    zero(inner.get_layer("h"), 1, [0, 2])
    zero(shared, 0, [4])
    zero(shared, 1, [4])
    zero(model.get_layer("second"), 0, [4])
    zero(shared, 0, [4], "bias")
    small, _ = compacted(model)
    assert small.get_layer("inner").get_layer("h").units == 3
    assert small.get_layer("shared").units == 5
    assert small.get_layer("first").units == 5


class Doubled(keras.layers.Layer):
    """A custom layer: nothing is known of it."""

    def call(self, x):
        return ops.concatenate([x, ops.flip(x, -1)], -1)


@pytest.mark.parametrize(
    "make",
    [
        Doubled,
        lambda: layers.LayerNormalization(),
        lambda: layers.Lambda(lambda x: x * x, output_shape=(5,)),
        lambda: layers.Softmax(),
        lambda: layers.Dense(5, activation=lambda x: x - ops.mean(x)),
    ],
)
def test_what_is_not_understood_is_left_whole(make):
    model = sequential(
        layers.Dense(5, name="a"), make(), layers.Dense(2, name="b")
    )
    zero(model.get_layer("a"), 1, [0])
    zero(model.get_layer("b"), 0, [2])
    small, report = compacted(model)
    before, after = report.layers["b"]
    assert after == before
    if isinstance(make(), layers.Dense):  # its inputs are understood
        assert small.get_layer("a").units == 4
    else:
        assert small.get_layer("a").units == 5


def test_a_penalty_that_holds_an_array_leaves_its_layer_whole():
    @keras.saving.register_keras_serializable("test_compact")
    class Weighted(keras.regularizers.Regularizer):
        def __call__(self, x):
            return ops.sum(ops.multiply(ops.abs(x), ops.ones((6, 5))))

        def get_config(self):
            return {"weights": np.ones((6, 5)).tolist()}

    Weighted.from_config = classmethod(lambda cls, config: cls())
    model = sequential(
        layers.Dense(5, kernel_regularizer=Weighted(), name="a"),
        layers.Dense(2, name="b"),
    )
    zero(model.get_layer("b"), 0, [2])
    small, _ = compacted(model)
    assert small.get_layer("a").units == 5
    assert np.isfinite(float(sum(small.losses)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_regularizer": kreg.regularizers.L1(0.1, np.ones((6, 5)))},
        {"kernel_regularizer": kreg.regularizers.GroupLasso(0.1, -1, 5)},
        {
            "kernel_regularizer": kreg.regularizers.Sum(
                [kreg.regularizers.GroupLasso(0.1, -1, 5)]
            )
        },
        {"kernel_initializer": keras.initializers.Constant(np.ones((6, 5)))},
    ],
)
def test_what_would_not_fit_a_smaller_layer_leaves_it_whole(arguments):
    model = sequential(
        layers.Dense(5, name="a", **arguments), layers.Dense(2, name="b")
    )
    zero(model.get_layer("b"), 0, [2])
    small, _ = compacted(model)
    assert small.get_layer("a").units == 5
    assert np.isfinite(float(sum(small.losses)))


def test_a_scheduled_penalty_on_groups_leaves_its_layer_whole():
    model = sequential(
        kreg.layers.ScheduledPenalty(
            layers.Dense(5),
            kreg.regularizers.GroupLasso(0.1, -1, 5),
            kreg.schedules.Ramp(steps=9),
            name="a",
        ),
        layers.Dense(2, name="b"),
    )
    zero(model.get_layer("b"), 0, [2])
    assert compacted(model)[0].get_layer("a").layer.units == 5


def test_strengths_and_scheduled_penalties_come_along():
    model = sequential(
        kreg.layers.ScheduledPenalty(
            layers.Dense(5, activation="relu"),
            kreg.regularizers.L2(0.1),
            kreg.schedules.Ramp(steps=9),
            name="a",
        ),
        kreg.layers.ScheduledDropout(0.5, name="drop"),
        layers.Dense(2, kernel_regularizer=kreg.regularizers.L1(0.2), name="b"),
    )
    zero(model.get_layer("b"), 0, [2])
    kreg.set_strengths(model, {"*/rate": 0.25, "*/l2": 0.75})
    small, _ = compacted(model)
    assert small.get_layer("a").layer.units == 4
    found = {path: s.value for path, s in kreg.strengths(small).items()}
    assert found == {path: s.value for path, s in kreg.strengths(model).items()}
    assert found["drop/rate"] == 0.25


def test_closed_gates_drop_features_and_units():
    inputs = keras.Input((6,), name="x")
    x = kreg.layers.FeatureGate(name="first")(inputs)
    x = layers.Dense(5, activation="sigmoid", name="a")(x)
    x = kreg.layers.FeatureGate(0.3, seed=1, name="second")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="b")(x)))
    model.get_layer("first").log_alpha.assign([9, -9, 0.5, -9, 0, 1])
    second = model.get_layer("second")
    second.log_alpha.assign([9, -9, 0.5, 0, -9])
    for _ in range(3):
        model(np.ones((2, 6), "float32"), training=True)
    small, report = compacted(model)
    assert report.dropped_inputs == {"x": [1, 3]}
    assert small.get_layer("a").units == 3
    gate = small.get_layer("second")
    assert gate.log_alpha.shape == (3,)
    assert gate.step == second.step == 3
    assert gate.strength.value == 0.3
    state = [
        ops.convert_to_numpy(g.seed_generator.state) for g in (gate, second)
    ]
    np.testing.assert_array_equal(*state)


def test_operations_are_understood():
    inputs = keras.Input((4, 6))
    a = layers.Dense(5, name="a")(inputs)
    b = layers.Dense(5, activation="tanh", name="b")(inputs)
    x = ops.clip(1 - 0.1 * abs(a) + ops.maximum(b, 0.2) / 3, -2.0, 2.0)
    x = ops.concatenate([x, layers.Dense(3, name="c")(inputs)], axis=-1)
    x = ops.mean(ops.exp(x), axis=1)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="d")(x)))
    for name in ("a", "b"):
        zero(model.get_layer(name), 1, [1])  # a constant, both together
    zero(model.get_layer("d"), 0, [3, 6])
    small, _ = compacted(model)
    units = [small.get_layer(name).units for name in ("a", "b", "c")]
    assert units == [3, 3, 2]


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x * np.ones(5, "float32"),  # would have to shrink too
        lambda x: ops.sum(x, axis=1, keepdims=True),
        lambda x: x + ops.mean(x, axis=-1, keepdims=True),
        lambda x: ops.flip(x, -1),
    ],
)
def test_other_operations_are_left_whole(operation):
    inputs = keras.Input((4, 6))
    x = operation(layers.Dense(5, activation="relu", name="a")(inputs))
    model = randomize(keras.Model(inputs, layers.Dense(2, name="b")(x)))
    zero(model.get_layer("a"), 1, [1])
    zero(model.get_layer("b"), 0, [3])
    assert compacted(model)[0].get_layer("a").units == 5


def test_an_infinite_constant_stays_where_it_is():
    model = sequential(
        layers.Dense(3, activation="exponential", name="a"),
        layers.Dense(2, name="b"),
    )
    zero(model.get_layer("a"), 1, [1])
    model.get_layer("a").bias.assign([0.0, 99.0, 0.0])  # its exp overflows
    small = kreg.compact(model)
    assert np.isfinite(ops.convert_to_numpy(small.get_layer("b").bias)).all()


@pytest.mark.parametrize("shared", [None, [1], [1, 2]])
def test_slopes_are_cut(shared):
    model = sequential(
        layers.Dense(5, name="a"),
        layers.PReLU(shared_axes=shared, name="slope"),
        layers.Rescaling(0.5, -2.0),
        layers.PReLU(shared_axes=shared, name="after"),
        layers.Dense(2, name="b"),
        shape=(4, 3),
    )
    zero(model.get_layer("b"), 0, [0, 3])
    zero(model.get_layer("a"), 1, [1])
    model.get_layer("a").bias.assign([1.0, -1.0, 1.0, 1.0, 1.0])
    small, _ = compacted(model)
    # A constant that is sloped differently at each position cannot be folded.
    units = 2 if shared else 3
    assert small.get_layer("a").units == units
    shape = [
        1 if i + 1 in (shared or []) else n for i, n in enumerate((4, units))
    ]
    assert list(small.get_layer("after").alpha.shape) == shape


@pytest.mark.parametrize(
    "wrap",
    [
        layers.TimeDistributed,
        lambda layer, name: kreg.layers.DropConnect(layer, 0.1, name=name),
        lambda layer, name: kreg.layers.WeightNoise(layer, 0.1, name=name),
    ],
)
def test_layers_in_wrappers_are_cut(wrap):
    model = sequential(
        wrap(layers.Dense(5, activation="relu"), name="a"),
        wrap(layers.Dense(4, activation="tanh"), name="b"),
        layers.Dense(2, name="c"),
        shape=(4, 3),
    )
    zero(model.get_layer("b").layer, 0, [0, 3])
    zero(model.get_layer("c"), 0, [1])
    small, report = compacted(model)
    assert small.get_layer("a").layer.units == 3
    assert small.get_layer("b").layer.units == 3
    assert report.after.parameters == small.count_params()


def test_dropped_inputs_are_reported_by_index():
    inputs = keras.Input((6,), name="x")
    hidden = layers.Dense(4, name="a")(layers.Rescaling(2.0)(inputs))
    model = randomize(keras.Model(inputs, layers.Dense(2)(hidden)))
    zero(model.get_layer("a"), 0, [1, 4])
    small, report = compacted(model)
    assert report.dropped_inputs == {"x": [1, 4]}
    assert small.input_shape == model.input_shape
    assert "2 features are not used" in str(report)


def test_tolerance():
    model = sequential(
        layers.Dense(5, activation="relu", name="a"), layers.Dense(2, name="b")
    )
    kernel = ops.convert_to_numpy(model.get_layer("b").kernel).copy()
    kernel[1] = [1e-9, -1e-9]
    model.get_layer("b").kernel.assign(kernel)
    assert compacted(model)[0].get_layer("a").units == 5
    assert compacted(model, tolerance=1e-8)[0].get_layer("a").units == 4


def test_the_report_adds_up():
    model = sequential(
        layers.Dense(5, activation="relu", name="a"), layers.Dense(2, name="b")
    )
    zero(model.get_layer("b"), 0, [1])
    small, report = compacted(model)
    assert report.before.parameters == model.count_params() == 47
    assert report.after.parameters == small.count_params() == 38
    assert report.before.multiply_adds == 6 * 5 + 5 * 2
    assert report.after.multiply_adds == 6 * 4 + 4 * 2
    assert report.before.bytes == 4 * 47
    assert "a" in str(report)
    assert "47 -> 38" in str(report)


def test_the_compact_model_saves_loads_and_trains_on(tmp_path, regression):
    x, y = regression
    model = sequential(
        layers.Dense(8, activation="relu", name="a"),
        layers.Dense(1, name="b"),
        shape=(5,),
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse", metrics=["mae"])
    model.fit(x, y, epochs=1, verbose=0)
    zero(model.get_layer("b"), 0, [0, 5])
    model.get_layer("a").trainable = False
    small, _ = compacted(model)
    assert not small.get_layer("a").trainable
    small.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    assert_same_outputs(small, loaded)
    small.get_layer("a").trainable = True
    small.compile("adam", "mse")
    losses = small.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len(model.get_layer("a").get_weights()[1]) == 8  # untouched


# JAX compiles each operation for each shape that it meets.
SEEDS = range(3 if keras.backend.backend() == "jax" else 12)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_model_keeps_its_outputs(seed):
    model = random_model(seed)
    x = random_inputs(seed)
    try:
        small, report = kreg.compact(model, report=True)
    except ValueError as error:
        assert str(error).startswith("Nothing would be left")  # noqa: PT017
        for output in models.predictions(model, x):
            np.testing.assert_allclose(output, output[:1] + 0 * output, 1e-5)
        return
    assert_same_outputs(model, small, tolerance=1e-5, x=x)
    assert report.after.parameters <= report.before.parameters
    again = kreg.compact(small, report=True)[1]
    assert again.before == again.after  # nothing was left to remove


def with_weight(value):
    model = models.mlp()
    kernel = ops.convert_to_numpy(model.get_layer("second").kernel).copy()
    kernel[0, 0] = value
    model.get_layer("second").kernel.assign(kernel)
    return model


def with_nothing_left():
    model = models.mlp()
    zero(model.get_layer("second"), 0, range(8))
    return model


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "arguments", "error", "sentence"),
    [
        (
            lambda: with_weight(np.nan),
            {},
            ValueError,
            "Invalid value for argument `model`. Expected finite weights. "
            "Received: NaN or infinity in 'kernel' of layer 'second'",
        ),
        (
            models.mlp,
            {"tolerance": -1e-3},
            ValueError,
            "Invalid value for argument `tolerance`. Expected a finite "
            "non-negative float. Received: tolerance=-0.001",
        ),
        (
            with_nothing_left,
            {},
            ValueError,
            "Nothing would be left of the model: its outputs are constant, "
            "since no path of weights above the tolerance leads from its "
            "inputs to its outputs. Received: tolerance=0.0",
        ),
        (
            models.mlp,
            {"tolerance": 1e3},
            ValueError,
            "Nothing would be left of the model: ",
        ),
        (
            Subclassed,
            {},
            TypeError,
            "Invalid value for argument `model`. Expected a Sequential or "
            "Functional model. Received: a subclassed model of type "
            "Subclassed, whose graph is in Python code. Build it of the same "
            "layers with `keras.Model(inputs, outputs)`.",
        ),
        (
            lambda: keras.Sequential([layers.Dense(2)]),
            {},
            ValueError,
            "Invalid value for argument `model`. Expected a built model.",
        ),
    ],
)
def test_bad_input(make, arguments, error, sentence):
    model = make()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(error) as caught:
        kreg.compact(model, **arguments)
    assert str(caught.value).startswith(sentence), str(caught.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

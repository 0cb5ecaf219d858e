import re

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests.transforms import models
from tests.transforms.models import assert_same_outputs

layers = keras.layers
L1, L2 = kreg.regularizers.L1, kreg.regularizers.L2


def values(model):
    return {path: s.value for path, s in kreg.strengths(model).items()}


def test_one_line_makes_an_existing_model_tunable():
    old = models.plain_keras()
    new = kreg.regularize(old)
    assert values(new) == {
        "a/kernel_regularizer/l1": 0.01,
        "drop/rate": 0.3,
        "b/kernel_regularizer/l1": 1e-3,
        "b/kernel_regularizer/l2": 1e-4,
        "b/bias_regularizer/l2": 1e-5,
        "b/activity_regularizer/l2": 1e-6,
    }
    assert [layer.name for layer in new.layers] == ["a", "drop", "b", "c"]
    assert_same_outputs(old, new)
    x = models.inputs_for(old)
    old(x), new(x)
    assert float(sum(old.losses)) == pytest.approx(float(sum(new.losses)))


def test_the_old_model_is_not_changed():
    old = models.branches()
    before = [w.copy() for w in old.get_weights()]
    config = old.get_config()
    new = kreg.regularize(old, kernel=L2(0.1), dropout=0.5)
    for variable in new.trainable_variables:
        variable.assign(variable + 1.0)
    assert old.get_config() == config
    for a, b in zip(before, old.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_layer_gets_a_penalty_of_its_own():
    given = L2(1e-3)
    new = kreg.regularize(models.mlp(), kernel=given, bias=L1(1e-4))
    kreg.set_strengths(new, {"first/kernel_regularizer/l2": 0.5})
    assert given.l2.value == 1e-3
    assert values(new) == {
        "first/kernel_regularizer/l2": 0.5,
        "first/bias_regularizer/l1": 1e-4,
        "second/kernel_regularizer/l2": 1e-3,
        "second/bias_regularizer/l1": 1e-4,
        "scores/kernel_regularizer/l2": 1e-3,
        "scores/bias_regularizer/l1": 1e-4,
    }


def test_the_penalties_act():
    new = kreg.regularize(
        models.mlp(), kernel=L2(0.5), activity=L1(0.1), where="first"
    )
    x = models.inputs_for(new)
    hidden = ops.convert_to_numpy(new.get_layer("first")(x))
    kernel = ops.convert_to_numpy(new.get_layer("first").kernel)
    new(x)
    expected = [0.5 * np.sum(kernel**2), 0.1 * np.sum(np.abs(hidden)) / len(x)]
    found = sorted(float(loss) for loss in new.losses)
    np.testing.assert_allclose(found, sorted(expected), rtol=1e-5)


def test_a_penalty_takes_the_place_of_the_one_there_is():
    new = kreg.regularize(models.plain_keras(), kernel=L2(0.25))
    assert values(new)["a/kernel_regularizer/l2"] == 0.25
    assert "a/kernel_regularizer/l1" not in values(new)
    assert values(new)["b/bias_regularizer/l2"] == 1e-5


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("s*", {"second", "scores"}),
        (["first", "scores"], {"first", "scores"}),
        (lambda layer: getattr(layer, "units", 0) > 7, {"first"}),
        (layers.Dense, {"first", "second", "scores"}),
    ],
)
def test_where_says_which_layers(where, expected):
    new = kreg.regularize(models.mlp(), kernel=L2(0.1), where=where)
    assert {path.split("/")[0] for path in values(new)} == expected


def test_where_reaches_into_nested_models_and_wrappers():
    inputs = keras.Input((4, 3))
    x = layers.TimeDistributed(layers.Dense(3, name="d"), name="each")(inputs)
    x = layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both")(x)
    nested = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="e")])
    model = keras.Model(inputs, nested(x))
    new = kreg.regularize(model, kernel=L2(0.1), where=["d", "both", "*/e"])
    assert sum(path.endswith("l2") for path in values(new)) == 1 + 2 * 2 + 1
    assert_same_outputs(model, new)


def names(model):
    return [layer.name for layer in model.layers]


def test_dropout_goes_after_hidden_activations_only():
    new = kreg.regularize(models.mlp(), dropout=0.4)
    assert names(new) == [
        "first",
        "first_dropout",
        "second",
        "second_dropout",
        "scores",
    ]
    assert values(new)["first_dropout/rate"] == 0.4
    assert_same_outputs(models_with_weights_of(new), new)


def models_with_weights_of(new):
    """The plain network with the kernels and biases of `new`."""
    old = models.mlp()
    for layer in old.layers:
        layer.set_weights(new.get_layer(layer.name).get_weights())
    return old


def with_operations():
    inputs = keras.Input((6,))
    inner_inputs = keras.Input((8,))
    inner = keras.Model(
        inner_inputs,
        ops.gelu(layers.Dense(8)(inner_inputs), approximate=False),
        name="inner",
    )
    x = keras.activations.relu(layers.Dense(8)(inputs))
    x = layers.Dropout(0.5)(ops.leaky_relu(layers.Dense(8)(inner(x)), 0.3))
    gate = ops.sigmoid(layers.Dense(8)(ops.softmax(x)))
    outputs = ops.relu(layers.Dense(2)(x * gate))
    return keras.Model(inputs, outputs)


def test_operations_that_are_activations_count():
    old = with_operations()
    new = kreg.regularize(old, dropout=0.4)
    found = [path for path in values(new) if "dropout" in path]
    assert [re.sub(r"_\d+", "", path) for path in found] == [
        "re_lu_dropout/rate",
        "inner/gelu_dropout/rate",
        "dropout/rate",
    ]
    assert_same_outputs(old, new)
    twice = kreg.regularize(new, dropout=0.4)
    assert values(twice) == values(new)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (lambda x: 0.5 * ops.relu(x), {"relu_dropout/rate"}),
        (lambda x: ops.gelu(x) * ops.sigmoid(x), {"gelu_dropout/rate"}),
        (lambda x: x * ops.tanh(ops.softplus(x)), set()),  # mish
        (lambda x: 0.5 * x * (1 + ops.tanh(0.8 * x + 0.04 * x**3)), set()),
    ],
)
def test_dropout_is_not_put_into_formulas(activation, expected):
    inputs = keras.Input((6,))
    x = activation(layers.Dense(8)(inputs))
    x = layers.Dense(8, activation="relu", name="last")(x)
    old = keras.Model(inputs, layers.Dense(2)(x))
    new = kreg.regularize(old, dropout=0.4)
    assert set(values(new)) == {*expected, "last_dropout/rate"}


def test_dropout_goes_after_operations_that_are_named():
    new = kreg.regularize(with_operations(), dropout=0.4, after="inner/gelu*")
    found = [path for path in values(new) if path.endswith("_dropout/rate")]
    assert len(found) == 1
    assert found[0].startswith("inner/gelu")


def test_dropout_acts_in_training():
    new = kreg.regularize(models.mlp(), dropout=1.0, after="second")
    x = models.inputs_for(new)
    bias = ops.convert_to_numpy(new.get_layer("scores").bias)
    expected = np.exp(bias) / np.exp(bias).sum()
    outputs = ops.convert_to_numpy(new(x, training=True))
    np.testing.assert_allclose(outputs, np.tile(expected, (8, 1)), rtol=1e-6)
    assert new.get_layer("second_dropout").step == 1


@pytest.mark.parametrize("make", [models.mlp, models.branches])
def test_dropout_is_never_put_in_twice(make):
    once = kreg.regularize(make(), dropout=0.4)
    twice = kreg.regularize(once, dropout=0.2)
    assert values(twice) == values(once)


def test_dropout_that_comes_later_counts():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(3, 2, name="conv"),
            layers.BatchNormalization(),
            layers.Activation("relu", name="act"),
            layers.ReLU(6.0, name="again"),
            layers.Flatten(),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, activation="relu", name="out"),
            layers.Dense(3, activation="relu", name="more"),
            keras.Sequential([layers.Dropout(0.5), layers.Dense(2)]),
        ]
    )
    new = kreg.regularize(model, dropout=0.1)
    assert [name for name in names(new) if name.endswith("_dropout")] == [
        "out_dropout"
    ]
    assert_same_outputs(model, new)


def test_shared_and_nested_layers_branches_and_several_outputs():
    old = models.branches()
    new = kreg.regularize(
        old, kernel=L2(0.1), dropout=kreg.layers.ScheduledDropout(0.3, seed=5)
    )
    assert set(values(new)) == {
        "stem/kernel_regularizer/l2",
        "stem_dropout/rate",
        "shared/kernel_regularizer/l2",
        "shared_dropout/rate",
        "shared_dropout_1/rate",
        "shared_dropout_2/rate",
        "inner/deep/kernel_regularizer/l2",
        "inner/deep_dropout/rate",
        "first/kernel_regularizer/l2",
        "second/kernel_regularizer/l2",
    }
    noise = new.get_layer("inner").get_layer("deep_dropout")
    assert noise.counter.calls_per_step == 2
    seeds = {
        layer.seed
        for layer in (*new.layers, *new.get_layer("inner").layers)
        if isinstance(layer, kreg.layers.ScheduledDropout)
    }
    assert len(seeds) == 5
    assert_same_outputs(old, new)
    assert isinstance(new.output, dict)


def test_a_nested_model_at_the_end_keeps_its_output_clean():
    head = keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, activation="relu", name="h")],
        name="head",
    )
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu", name="body")(inputs)
    model = keras.Model(inputs, layers.Flatten()(head(x)))
    new = kreg.regularize(model, dropout=0.1)
    assert set(values(new)) == {"body_dropout/rate"}


def compiled(model):
    model.compile(
        keras.optimizers.Adam(3e-3, beta_1=0.8, clipnorm=1.0),
        loss="mse",
        metrics=["mae"],
        loss_weights=[0.5],
    )
    return model


def test_compile_state_is_kept(regression):
    x, y = regression
    old = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(1)]
    )
    compiled(old).fit(x, y, epochs=2, batch_size=16, verbose=0)
    old.optimizer.learning_rate = 1e-3
    new = kreg.regularize(old, kernel=L2(0.0))
    assert new.optimizer is not old.optimizer
    assert new.optimizer.get_config() == old.optimizer.get_config()
    assert int(new.optimizer.iterations) == 8
    again = {"epochs": 2, "batch_size": 64, "verbose": 0, "shuffle": False}
    a, b = old.fit(x, y, **again), new.fit(x, y, **again)
    assert set(b.history) == {"loss", "mae"}
    np.testing.assert_allclose(b.history["loss"], a.history["loss"], rtol=1e-5)
    np.testing.assert_allclose(b.history["mae"], a.history["mae"], rtol=1e-5)


class Largest(keras.metrics.Metric):
    """Is not registered."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = keras.ops.max(keras.ops.abs(y_true - y_pred))
        self.total.assign(keras.ops.maximum(self.total, error))

    def result(self):
        return self.factor * self.total

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_metrics_may_be_of_classes_of_ones_own(regression):
    x, y = regression
    old = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(1)])
    old.compile("sgd", "mse", metrics=[Largest(2.0, name="largest")])
    new = kreg.regularize(old)
    expected = old.evaluate(x, y, verbose=0, return_dict=True)
    assert "largest" in expected
    assert new.evaluate(x, y, verbose=0, return_dict=True) == expected


def test_losses_and_metrics_may_be_functions(regression):
    x, y = regression

    def error(true, predicted):
        return ops.mean(ops.square(true - predicted), axis=-1)

    old = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    old.compile("sgd", loss=lambda a, b: 2.0 * error(a, b), metrics=[error])
    new = kreg.regularize(old, kernel=L2(0.1))
    assert new.loss is old.loss
    assert "error" in new.evaluate(x, y, verbose=0, return_dict=True)


def test_flags_survive():
    old = models.branches()
    old.get_layer("stem").trainable = False
    old.get_layer("inner").get_layer("deep").trainable = False
    old.get_layer("first").bias.trainable = False
    new = kreg.regularize(old, kernel=L2(0.1), dropout=0.1)
    assert not new.get_layer("stem").trainable
    assert not new.get_layer("inner").get_layer("deep").trainable
    assert new.get_layer("inner").trainable
    assert [v.shape for v in new.trainable_variables] == [
        v.shape for v in old.trainable_variables
    ]


def test_the_new_model_saves_and_loads(tmp_path):
    new = kreg.regularize(models.branches(), kernel=L2(0.1), dropout=0.1)
    kreg.set_strengths(new, {"*/rate": 0.7})
    new.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert values(loaded) == values(new)
    assert_same_outputs(new, loaded)


def test_a_sequential_that_is_not_built_yet():
    old = keras.Sequential(
        [layers.Dense(8, activation="relu", name="a"), layers.Dense(2)]
    )
    new = kreg.regularize(old, kernel=L2(0.1), dropout=0.2)
    assert not new.built
    assert new(np.ones((3, 4), "float32")).shape == (3, 2)
    assert "a_dropout/rate" in values(new)


class Scale(keras.layers.Layer):
    """A custom layer that nobody registered."""

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = activation

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "activation": None}


def test_custom_layers_and_functions_need_not_be_registered():
    def bump(x):
        return ops.exp(-ops.square(x))

    old = keras.Sequential(
        [
            keras.Input((6,)),
            Scale(name="scale"),
            layers.Dense(4, activation=bump, name="bump"),
            layers.Lambda(lambda x: x + 1.0, output_shape=(4,)),
            layers.Dense(4, activation=lambda x: x * x, name="square"),
            layers.Dense(2, name="out"),
        ]
    )
    old.get_layer("scale").factor.assign(np.arange(6.0))
    new = kreg.regularize(old, dropout=0.2)
    assert set(values(new)) == {"bump_dropout/rate", "square_dropout/rate"}
    assert_same_outputs(old, new)


def test_adapted_layers_keep_their_state():
    normalize = layers.Normalization()
    normalize.adapt(np.arange(12.0).reshape(4, 3))
    old = keras.Sequential([keras.Input((3,)), normalize, layers.Dense(2)])
    assert_same_outputs(old, kreg.regularize(old, kernel=L2(0.1)))


class Subclassed(keras.Model):
    def call(self, x):
        return x


def raises(error, sentence, **arguments):
    model = arguments.pop("model", None) or models.mlp()
    with pytest.raises(error) as caught:
        kreg.regularize(model, **arguments)
    assert str(caught.value).startswith(sentence), str(caught.value)


def test_bad_input():
    raises(
        TypeError,
        "Invalid value for argument `model`. Expected a Sequential or "
        "Functional model. Received: a subclassed model of type Subclassed, "
        "whose graph is in Python code. Pass penalties to its layers where it "
        "makes them: `keras.layers.Dense(64, kernel_regularizer=",
        model=Subclassed(),
    )
    raises(
        TypeError,
        "Invalid value for argument `model`. Expected a Keras 3 layer or",
        model="mlp",
    )
    raises(
        ValueError,
        "Invalid value for argument `kernel`. Expected a penalty such as "
        "kreg.regularizers.L2(1e-4), or None. Received: kernel=0.1",
        kernel=0.1,
    )
    raises(
        ValueError,
        "Invalid value for argument `dropout`. Expected a float in [0, 1]. "
        "Received: dropout=1.5",
        dropout=1.5,
    )
    raises(
        ValueError,
        "Invalid value for argument `dropout`. Expected a rate in [0, 1], a "
        "layer such as kreg.layers.ScheduledDropout(0.2), or None. Received: "
        "dropout='half'",
        dropout="half",
    )
    for layer in (layers.Flatten(), kreg.layers.FeatureGate()):  # no noise
        raises(
            ValueError,
            "Invalid value for argument `dropout`. Expected a rate in [0, 1], "
            "a layer such as kreg.layers.ScheduledDropout(0.2), or None.",
            dropout=layer,
        )
    raises(
        ValueError,
        "Invalid value for argument `group_axis`. Expected an axis of the "
        "penalized weight of shape (6, 8). Received: group_axis=2",
        kernel=kreg.regularizers.GroupLasso(0.1, group_axis=2),
    )
    raises(
        ValueError,
        "Invalid value for argument `weights`. Expected an array that "
        "broadcasts to the penalized shape (8, 7).",
        kernel=L1(0.1, weights=np.ones((6, 8))),
    )
    raises(
        ValueError,
        "Invalid value for argument `where`. 'conv*' matches no layer of the "
        "model. Its layers are: ['first', 'second', 'scores']",
        kernel=L2(0.1),
        where=["first", "conv*"],
    )
    raises(
        ValueError,
        "Invalid value for argument `where`. Expected `kernel`, `bias` or "
        "`activity` beside it. Received: where='first'",
        where="first",
    )
    raises(
        ValueError,
        "Invalid value for argument `after`. Expected `dropout` beside it.",
        after="first",
    )
    raises(
        ValueError,
        "Invalid value for argument `dropout`. Expected a model with an "
        "activation, other than that of its output layers, to put it after.",
        dropout=0.5,
        after="scores",
    )
    raises(
        ValueError,
        "Invalid value for argument `bias`. Expected a model with such "
        "weights. Received: bias='L2'",
        model=keras.Sequential(
            [keras.Input((3,)), layers.Dense(2, use_bias=False)]
        ),
        bias=L2(0.1),
    )

"""`strengths` and `set_strengths`: paths, completeness, globs."""

import warnings

import keras
import numpy as np
import pytest

import kreg

L2 = kreg.regularizers.L2
Dense = keras.layers.Dense


def functional():
    """A branch, a shared layer and two inner models with equal names."""

    def inner(name):
        return keras.Sequential(
            [keras.Input((4,)), Dense(4, kernel_regularizer=L2(), name="d")],
            name=name,
        )

    inputs = keras.Input((4,))
    shared = Dense(4, bias_regularizer=L2(), name="shared")
    x = shared(inner("one")(inputs))
    y = shared(inner("two")(inputs))
    return keras.Model(inputs, keras.layers.Add()([x, y]))


@keras.saving.register_keras_serializable("kreg_tests")
class Block(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(4, kernel_regularizer=L2(0.1))
        self._hidden = Dense(4, bias_regularizer=L2(0.2))
        self.stack = [kreg.layers.ScheduledDropout(0.3), Dense(4)]
        self.table = {"a": kreg.layers.ScheduledDropout(0.4)}

    def build(self, input_shape):
        self.dense.build(input_shape)
        self._hidden.build(input_shape)
        self.stack[1].build(input_shape)

    def call(self, x):
        x = self._hidden(self.dense(x))
        for layer in self.stack:
            x = layer(x)
        return self.table["a"](x)


@keras.saving.register_keras_serializable("kreg_tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block()
        self.recurrent = keras.layers.LSTM(3, kernel_regularizer=L2(0.5))

    def call(self, x):
        return self.recurrent(self.block(x)[:, None, :])


def zoo():
    """Every way of holding a penalty that Keras layers have."""
    inputs = keras.Input((6, 4))
    layers = keras.layers
    x = layers.MultiHeadAttention(
        2, 2, kernel_regularizer=L2(0.1), name="attention"
    )(inputs, inputs)
    x = layers.TimeDistributed(
        Dense(4, kernel_regularizer=L2(0.2)), name="each"
    )(x)
    x = layers.SeparableConv1D(
        4,
        2,
        depthwise_regularizer=L2(0.3),
        pointwise_regularizer=L2(0.4),
        name="conv",
    )(x)
    x = layers.RNN(
        [
            layers.GRUCell(3, recurrent_regularizer=L2(0.5)),
            layers.LSTMCell(3, kernel_regularizer=L2(0.6)),
        ],
        return_sequences=True,
        name="rnn",
    )(x)
    x = layers.Bidirectional(
        layers.LSTM(3, kernel_regularizer=L2(0.7)), name="both"
    )(x)
    return keras.Model(inputs, x)


def values(model):
    return {path: s.value for path, s in kreg.strengths(model).items()}


def test_functional_paths_are_layer_names_in_the_order_of_the_model():
    assert list(kreg.strengths(functional())) == [
        "one/d/kernel_regularizer/l2",
        "two/d/kernel_regularizer/l2",
        "shared/bias_regularizer/l2",
    ]


def test_paths_elsewhere_are_attribute_names():
    model = Subclassed()
    model(np.zeros((1, 4), "float32"))
    assert values(model) == {
        "block/dense/kernel_regularizer/l2": 0.1,
        "block/hidden/bias_regularizer/l2": 0.2,
        "block/stack/0/rate": 0.3,
        "block/table/a/rate": 0.4,
        "recurrent/cell/kernel_regularizer/l2": 0.5,
    }


def test_every_kind_of_layer_is_searched():
    assert values(zoo()) == {
        "attention/kernel_regularizer/l2": 0.1,
        "each/layer/kernel_regularizer/l2": 0.2,
        "conv/depthwise_regularizer/l2": 0.3,
        "conv/pointwise_regularizer/l2": 0.4,
        "rnn/cell/cells/0/recurrent_regularizer/l2": 0.5,
        "rnn/cell/cells/1/kernel_regularizer/l2": 0.6,
        "both/forward_layer/cell/kernel_regularizer/l2": 0.7,
        "both/backward_layer/cell/kernel_regularizer/l2": 0.7,
    }


@pytest.mark.parametrize("make", [functional, zoo, Subclassed])
def test_paths_and_values_survive_saving(make, tmp_path):
    model = make()
    if make is Subclassed:
        model(np.zeros((1, 4), "float32"))
    for index, strength in enumerate(kreg.strengths(model).values()):
        strength.assign(0.01 * (index + 1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert values(loaded) == values(model)
    assert list(values(loaded)) == list(values(model))


def test_an_activity_strength_is_kept_by_the_config_not_by_weights(tmp_path):
    """Keras does not visit the attribute `activity_regularizer` for state."""

    def make():
        layer = Dense(2, activity_regularizer=L2(0.1), name="d")
        return keras.Sequential([keras.Input((4,)), layer])

    model, other = make(), make()
    kreg.set_strengths(model, {"*": 0.7})
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert values(loaded) == {"d/activity_regularizer/l2": 0.7}
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert values(other) == {"d/activity_regularizer/l2": 0.1}


def test_every_layer_of_the_zoo_obeys():
    model = zoo()
    for strength in kreg.strengths(model).values():
        before = float(sum(model.losses))
        strength.assign(strength.value + 10.0)
        assert float(sum(model.losses)) > before


def test_an_unbuilt_model_has_its_strengths_already():
    model = keras.Sequential([Dense(4, kernel_regularizer=L2(0.1), name="d")])
    assert values(model) == {"d/kernel_regularizer/l2": 0.1}


def test_a_shared_penalty_stands_at_both_places_with_a_warning(tmp_path):
    penalty = L2(0.1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            Dense(4, kernel_regularizer=penalty, name="a"),
            Dense(4, kernel_regularizer=penalty, name="b"),
        ]
    )
    with pytest.warns(UserWarning, match="a/kernel_regularizer.*loading or"):
        found = kreg.strengths(model)
    assert list(found) == ["a/kernel_regularizer/l2", "b/kernel_regularizer/l2"]
    assert len({id(s) for s in found.values()}) == 1
    penalty.l2 = 0.3
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kreg.strengths(loaded)  # two independent ones
    assert [s.value for s in found.values()] == [0.3, 0.3]
    assert len({id(s) for s in found.values()}) == 2


def test_a_penalty_of_a_model_given_to_its_layers_stands_everywhere():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.penalty = L2(0.1)
            self.one = Dense(2, kernel_regularizer=self.penalty)
            self.two = Dense(2, kernel_regularizer=self.penalty)

    with pytest.warns(UserWarning, match="shared"):
        found = kreg.strengths(Model())
    assert list(found) == [
        "penalty/l2",
        "one/kernel_regularizer/l2",
        "two/kernel_regularizer/l2",
    ]


def test_a_name_with_and_without_underscore_is_unambiguous():
    class Layer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self._drop = kreg.layers.ScheduledDropout(0.1)
            self.drop = kreg.layers.ScheduledDropout(0.2)

    assert values(Layer()) == {"drop/rate": 0.2, "_drop/rate": 0.1}


def test_a_strength_without_a_path_is_an_error():
    class Closure(keras.layers.Layer):
        """Holds a layer where no attribute leads to it."""

        def __init__(self):
            super().__init__()
            hidden = kreg.layers.ScheduledDropout(0.1)
            self.rate = hidden.rate.variable  # tracked, but only a variable

    with pytest.raises(RuntimeError, match="No path leads to the strengths"):
        kreg.strengths(Closure())


def test_two_strengths_with_one_path_are_an_error():
    class Layer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = [kreg.layers.ScheduledDropout(0.1)]
            self.b = {"0": None}
            vars(self)["a/0"] = kreg.layers.ScheduledDropout(0.2)

    with pytest.raises(RuntimeError, match="have the path 'a/0/rate'"):
        kreg.strengths(Layer())


def test_set_strengths_takes_paths_and_globs():
    model = functional()
    kreg.set_strengths(
        model, {"*/l2": 0.5, "two/*": 0.25, "shared/bias_regularizer/l2": 0}
    )
    assert list(values(model).values()) == [0.5, 0.25, 0.0]


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ({"one/*": 1.0, "three/*": 1.0}, "No strength matches the path 'three"),
        ({"one/*": 1.0, "two/*": -1.0}, "Invalid value for argument `l2`"),
    ],
)
def test_set_strengths_changes_nothing_if_one_fails(assignment, sentence):
    model = functional()
    before = values(model)
    with pytest.raises(ValueError, match=sentence):
        kreg.set_strengths(model, assignment)
    assert values(model) == before


def test_an_unknown_path_lists_those_that_exist():
    with pytest.raises(ValueError, match=r"\['one/d/kernel_regularizer/l2', "):
        kreg.set_strengths(functional(), {"d/l2": 0.1})


def test_a_model_of_another_keras_is_refused():
    class Model:
        pass

    Model.__module__ = "tf_keras.src.engine.training"
    with pytest.raises(TypeError, match="of `tf_keras` are of Keras 2"):
        kreg.strengths(Model())
    with pytest.raises(TypeError, match="Expected a Keras 3 layer or model"):
        kreg.strengths("model")


def test_it_shows_itself_as_a_table():
    found = kreg.strengths(functional())
    assert repr(found).splitlines()[1].split() == [
        "one/d/kernel_regularizer/l2",
        "0.01",
    ]
    assert found._repr_html_().count("<tr>") == 1 + len(found)
    assert repr(kreg.strengths(keras.Sequential())) == "No strengths."

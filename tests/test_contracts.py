"""What holds for every public class; the classes stand in `contracts.py`."""

import contextlib
import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests.backends import gradient, jitted
from tests.contracts import LAYERS, PENALTIES, ROWS, SCHEDULES

SAMPLES = 32
BASES = {"Penalty", "Profile", "LearningRateSchedule"}

rows = pytest.mark.parametrize("row", ROWS, ids=str)
models = pytest.mark.parametrize("row", PENALTIES + LAYERS, ids=str)
penalties = pytest.mark.parametrize("row", PENALTIES, ids=str)
schedules = pytest.mark.parametrize("row", SCHEDULES, ids=str)


def model_with(row, **compile_arguments):
    """A small model with one object of the row in it."""
    inputs = keras.Input(row.input_shape)
    thing = row.make()
    if row.kind == "penalty":
        x = keras.layers.Dense(6, kernel_regularizer=thing, name="dense")(
            inputs
        )
    else:
        x = row.call(thing, inputs)
        x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(2, name="head")(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.05), "mse", **compile_arguments)
    return model


def data_for(row):
    random = np.random.default_rng(0)
    x = random.normal(size=(SAMPLES, *row.input_shape)).astype("float32")
    return x, random.normal(size=(SAMPLES, 2)).astype("float32")


def warning_without_xla(row):
    """Expects the warning of Keras if TensorFlow has no XLA for the layer."""
    if getattr(row.make(), "supports_jit", True):
        return contextlib.nullcontext()
    return pytest.warns(UserWarning, match="jit_compile=False")


def test_every_public_class_has_a_row():
    public = {
        cls
        for module in (
            kreg.regularizers,
            kreg.layers,
            kreg.schedules,
            kreg.optimizers,
            kreg.losses,
            kreg.models,
        )
        for name, cls in vars(module).items()
        if inspect.isclass(cls) and name not in BASES and name[0] != "_"
    }
    assert public == {row.cls for row in ROWS}


@rows
def test_config_goes_through_json(row):
    made = row.make()
    config = json.loads(json.dumps(made.get_config()))
    again = type(made).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == json.loads(
        json.dumps(made.get_config())
    )


@rows
def test_keras_serializes_it_under_its_registered_name(row):
    made = row.make()
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(made)))
    assert stored["registered_name"] == f"kreg>{row.cls.__name__}"
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is row.cls
    assert json.dumps(again.get_config()) == json.dumps(made.get_config())


@models
def test_trained_model_is_saved_and_loaded(row, tmp_path):
    model = model_with(row)
    x, y = data_for(row)
    for strength in kreg.strengths(model).values():
        strength.assign(strength.value / 2)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    )
    before, after = kreg.strengths(model), kreg.strengths(loaded)
    assert list(before) == list(after)
    assert len(before) > 0
    for path in before:
        assert before[path].value == after[path].value
        assert float(before[path].effective) == float(after[path].effective)


@models
def test_weights_file_restores_strengths_and_steps(row, tmp_path):
    model, other = model_with(row), model_with(row)
    x, y = data_for(row)
    for strength in kreg.strengths(model).values():
        strength.assign(strength.value / 4)
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    for a, b in zip(
        kreg.strengths(model).values(),
        kreg.strengths(other).values(),
        strict=True,
    ):
        assert a.value == b.value
        assert float(a.effective) == float(b.effective)


@models
def test_clone_has_equal_strengths(row):
    model = model_with(row)
    kreg.set_strengths(model, {"*": 0.25})
    clone = keras.models.clone_model(model)
    values = {p: s.value for p, s in kreg.strengths(clone).items()}
    assert values == {p: 0.25 for p in kreg.strengths(model)}


@models
def test_strengths_are_variables_and_inputs_of_stateless_call(row):
    model = model_with(row)
    x, _ = data_for(row)
    state = model.non_trainable_variables
    for strength in kreg.strengths(model).values():
        assert any(strength.variable is v for v in state)
    trainable = [ops.convert_to_tensor(v) for v in model.trainable_variables]

    def losses(value):
        ids = {id(s.variable) for s in kreg.strengths(model).values()}
        held = [
            value if id(v) in ids else ops.convert_to_tensor(v) for v in state
        ]
        outputs, _, losses = model.stateless_call(
            trainable, held, x, training=True, return_losses=True
        )
        return float(ops.sum(outputs) + sum(losses, start=0.0))

    some, none = ops.convert_to_tensor(0.9), ops.convert_to_tensor(0.0)
    if row.kind == "penalty":
        assert losses(some) != losses(none)
    assert losses(some) == losses(some)


def fit(model, row):
    """Three epochs' losses."""
    x, y = data_for(row)
    return model.fit(
        x, y, batch_size=8, epochs=3, verbose=0, shuffle=False
    ).history["loss"]


def losses_of_fit(row, strength=None, **compile_arguments):
    """Those of a new model, the same for the same arguments."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(5)
    model = model_with(row, **compile_arguments)
    if strength is not None:
        kreg.set_strengths(model, {"*": strength})
    return fit(model, row)


def variables_of(model):
    """The values of all variables, with seeds and steps."""
    return [np.array(v) for v in model.variables + model.optimizer.variables]


def put_back(model, values):
    variables = model.variables + model.optimizer.variables
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@models
def test_compiled_training_equals_eager_training(row):
    eager = losses_of_fit(row, run_eagerly=True)
    np.testing.assert_allclose(losses_of_fit(row), eager, rtol=2e-5)


@pytest.mark.backends("tensorflow")  # JAX always compiles with XLA, Torch never
@models
def test_xla_training_equals_eager_training(row):
    # Under XLA other random numbers are drawn, so noise is turned off for the
    # comparison; with noise it must still be reproducible.
    eager = losses_of_fit(row, strength=0.0, run_eagerly=True)
    with warning_without_xla(row):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(5)
        model = model_with(row, jit_compile=True)
        start = variables_of(model)
        strengths = {p: s.value for p, s in kreg.strengths(model).items()}
        kreg.set_strengths(model, {"*": 0.0})
        xla = fit(model, row)
        put_back(model, start)
        kreg.set_strengths(model, strengths)
        once = fit(model, row)
        put_back(model, start)
        again = fit(model, row)
    np.testing.assert_allclose(xla, eager, rtol=2e-5)
    assert again == once
    assert (once != xla) == row.changes_the_model


@models
def test_mixed_precision(row):
    keras.config.set_dtype_policy("mixed_float16")
    model = model_with(row)
    x, y = data_for(row)
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    outputs = model(x, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    assert np.all(np.isfinite(ops.convert_to_numpy(outputs)))
    for loss in model.losses:
        assert np.isfinite(float(loss))
    for strength in kreg.strengths(model).values():
        dtype = keras.backend.standardize_dtype(strength.variable.dtype)
        assert dtype == "float32"


@penalties
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e15])
def test_penalty_has_a_finite_gradient(row, scale):
    random = np.random.default_rng(1)
    x = (scale * random.normal(size=(6, 4))).astype("float32")
    x[0] = 0.0
    assert np.all(np.isfinite(gradient(row.make(), x)))


@penalties
def test_activity_penalty_is_reduced_in_float32(row):
    x = np.full((4, 1000), 100.0, "float16")  # squares sum to 4e7
    value = row.make()(ops.convert_to_tensor(x))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    reference = float(row.make()(ops.convert_to_tensor(x.astype("float32"))))
    assert float(value) == pytest.approx(reference)
    assert np.isfinite(reference)


@pytest.mark.parametrize("row", LAYERS, ids=str)
@pytest.mark.parametrize("scale", [0.0, 1e15])
def test_layer_has_a_finite_gradient(row, scale):
    x, _ = data_for(row)
    layer = row.make()
    layer.build((None, *row.input_shape))
    for strength in kreg.strengths(layer).values():
        strength.assign(min(strength.maximum, 1e6))
    grads = gradient(
        lambda x: ops.sum(row.call(layer, x, training=True)),
        (scale * x).astype("float32"),
    )
    assert np.all(np.isfinite(grads))


@schedules
def test_schedule_is_the_same_compiled(row):
    schedule = row.make()
    steps = np.array([-1, 0, 1, 2, 3, 5, 8, 13, 14, 15, 16, 10**6], "int32")
    eager = ops.convert_to_numpy(schedule(ops.convert_to_tensor(steps)))
    compiled = jitted(schedule)(ops.convert_to_tensor(steps))
    np.testing.assert_allclose(ops.convert_to_numpy(compiled), eager, atol=1e-6)
    assert eager.dtype == np.float32
    assert eager.shape == steps.shape
    assert np.all((eager >= 0) & (eager <= 1))
    assert eager[0] == eager[1]


@rows
def test_invalid_arguments_raise_the_exact_sentence(row):
    assert row.invalid
    for make, sentence in row.invalid:
        with pytest.raises(ValueError, match="Invalid value") as raised:
            make()
        assert str(raised.value).startswith(sentence)


@rows
def test_docstring_has_arguments_and_a_runnable_example(row):
    doc = inspect.getdoc(row.cls)
    for section in ("Args:", "Returns:", "Raises:", "Example", ">>> "):
        assert section in doc, section

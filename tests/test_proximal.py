"""Proximal in a model's life: which weights, what state, what is refused."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import kreg
from tests import problems

K = keras.optimizers
L = keras.layers
Proximal = kreg.optimizers.Proximal
R = kreg.regularizers


def small_model(optimizer, seed=1, **compile_arguments):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            L.Dense(6, activation="relu", name="hidden"),
            L.BatchNormalization(name="norm"),
            L.Dense(1, name="head"),
        ],
        name="net",
    )
    model.compile(optimizer, "mse", **compile_arguments)
    return model


def fit(model, data, **options):
    arguments = {"batch_size": 16, "epochs": 1, "verbose": 0, "shuffle": False}
    return model.fit(*data, **arguments | options).history


def built(penalty, **options):
    optimizer = Proximal("sgd", penalty, **options)
    model = small_model(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def penalized(penalty, **options):
    found = built(penalty, **options).targets
    return {v.path.removeprefix("net/"): p for v, p in found}


def test_biases_and_scales_are_spared_unless_named():
    l1 = R.L1(0.1)
    assert list(penalized(l1)) == ["hidden/kernel", "head/kernel"]
    for pattern in ("bias", "*/bias", "hid*/bias"):
        assert all("bias" in p for p in penalized(l1, only=pattern))
    assert list(penalized({"head": l1})) == ["head/kernel"]
    assert list(penalized({"head/bias": l1})) == ["head/bias"]
    assert list(penalized(l1, only=["norm/gamma"])) == ["norm/gamma"]
    assert list(penalized(l1, exclude="hidden")) == ["head/kernel"]
    chosen = penalized(l1, only=lambda v: v.path.endswith("hidden/bias"))
    assert list(chosen) == ["hidden/bias"]
    spared = penalized(l1, exclude=lambda v: "hidden" in v.path)
    assert list(spared) == ["head/kernel"]


def test_first_pattern_counts():
    first, second = R.L1(0.1), R.L2(0.1)
    chosen = penalized({"head": first, "kernel": second})
    assert chosen == {"hidden/kernel": second, "head/kernel": first}


@pytest.mark.parametrize(
    ("penalty", "options", "name"),
    [
        (lambda: {"hidden": R.L1(0.1), "tail": R.L1(0.1)}, {}, "penalty"),
        (lambda: {"kernel": R.L1(0.1), "head": R.L1(0.1)}, {}, "penalty"),
        (lambda: R.L1(0.1), {"only": "tail"}, "only"),
        (lambda: R.L1(0.1), {"exclude": ["head", "tail"]}, "exclude"),
        (lambda: R.L1(0.1), {"exclude": "net"}, "penalty"),
    ],
)
def test_patterns_that_match_nothing_raise(penalty, options, name):
    with pytest.raises(ValueError, match="patterns that match") as raised:
        built(penalty(), **options)
    assert f"argument `{name}`" in str(raised.value)
    assert "net/hidden/kernel" in str(raised.value)


def test_what_is_refused_in_one_sentence():
    refused = {
        "clipnorm": lambda: K.SGD(0.1, clipnorm=1.0),
        "clipvalue": lambda: K.Adam(0.1, clipvalue=1.0),
        "global_clipnorm": lambda: K.Adam(0.1, global_clipnorm=1.0),
        "use_ema": lambda: K.Adam(0.1, use_ema=True),
        "centered": lambda: K.RMSprop(0.1, centered=True),
        "one of Keras's": lambda: K.Lion(0.1),
        "another problem": lambda: type("Adam", (K.Adam,), {})(0.1),
        "around the Proximal": lambda: K.LossScaleOptimizer(K.SGD(0.1)),
        "not been used": lambda: small_model("sgd").optimizer,
    }
    for text, make in refused.items():
        optimizer = make()
        if text == "not been used":
            optimizer.build([keras.Variable([1.0])])
        with pytest.raises(ValueError, match="Invalid value") as raised:
            Proximal(optimizer, R.L1(0.1))
        assert text in str(raised.value)


def test_groups_and_constraints_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="divisor of 5"):
        built({"hidden": R.GroupLasso(0.1, group_size=2)})
    with pytest.raises(ValueError, match="an axis of the penalized weight"):
        built(R.GroupLasso(0.1, group_axis=2))
    model = keras.Sequential(
        [keras.Input((3,)), L.Dense(2, kernel_constraint="max_norm")]
    )
    with pytest.raises(ValueError, match="MaxNorm"):
        Proximal("sgd", R.L1(0.1)).build(model.trainable_variables)
    model = keras.Sequential(
        [keras.Input((3,)), L.Dense(2, kernel_constraint="non_neg")]
    )
    for penalty in (R.NuclearNorm(0.1), R.SpectralNorm(0.1)):
        with pytest.raises(ValueError, match="the constraint NonNeg"):
            Proximal("sgd", penalty).build(model.trainable_variables)
    shared = R.L1(0.1)
    model = keras.Sequential(
        [keras.Input((3,)), L.Dense(2, kernel_regularizer=shared)]
    )
    with pytest.raises(ValueError, match="not in the loss as well"):
        Proximal("sgd", shared).build(model.trainable_variables)


def test_non_negative_weights_stay_so():
    x, y = problems.diabetes()
    model = keras.Sequential(
        [
            keras.Input((10,)),
            L.Dense(1, kernel_constraint="non_neg", use_bias=False),
        ]
    )
    model.compile(Proximal(K.SGD(0.1), R.L1(0.1)), "mse")
    model.fit(problems.FullBatches(x, y, 300), verbose=0)
    coef = problems.kernel(model).astype("float64")
    slope = 2 * x.T @ (x @ coef - y) / len(x) + 0.1
    assert np.all(coef >= 0)
    assert np.all(np.abs(slope[coef > 0]) < 1e-5)
    assert np.all(slope[coef == 0] > -1e-5)


def test_a_weight_without_gradient_stays_as_it_is():
    for inner in (K.SGD(0.1), K.Adam(0.1)):
        optimizer = Proximal(inner, R.L1(0.1))
        used, unused = (
            keras.Variable(np.ones((2, 2), "float32"), name=name)
            for name in ("used", "unused")
        )
        optimizer.build([used, unused])
        gradient = ops.zeros((2, 2)) + 0.5
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            optimizer.apply([gradient, None])
        assert np.all(ops.convert_to_numpy(unused) == 1)
        assert np.all(ops.convert_to_numpy(used) < 1)


def test_paths_of_its_strengths(regression):
    one = small_model(Proximal("sgd", R.L1(0.1)))
    assert list(kreg.strengths(one)) == ["optimizer/penalty/l1"]
    several = small_model(
        K.LossScaleOptimizer(
            Proximal(
                "sgd", {"hidden": R.ElasticNet(0.1, 0.2), "head": R.L2(0.3)}
            )
        )
    )
    values = {p: s.value for p, s in kreg.strengths(several).items()}
    assert values == {
        "optimizer/penalty/hidden/l1": 0.1,
        "optimizer/penalty/hidden/l2": 0.2,
        "optimizer/penalty/head/l2": 0.3,
    }
    kreg.set_strengths(several, {"optimizer/penalty/*/l2": 0.5})
    assert kreg.strengths(several)["optimizer/penalty/head/l2"].value == 0.5
    outer = keras.Sequential([one, L.Dense(1)])  # does not train with it
    assert not kreg.strengths(outer)
    assert not kreg.strengths(small_model("sgd"))


class SetStrength(keras.callbacks.Callback):
    def __init__(self, value, epoch):
        super().__init__()
        self.value, self.epoch, self.zeros = value, epoch, []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            kreg.set_strengths(self.model, {"optimizer/penalty/l1": self.value})

    def on_epoch_end(self, epoch, logs=None):
        kernel = ops.convert_to_numpy(self.model.get_layer("hidden").kernel)
        self.zeros.append(np.count_nonzero(kernel == 0))


def test_strengths_are_obeyed_in_fit_without_a_retrace(regression):
    class CountingL1(R.L1):  # in a compiled step, once per trace
        calls = 0

        def prox(self, w, step_size):
            type(self).calls += 1
            return super().prox(w, step_size)

    model = small_model(Proximal(K.SGD(0.05), CountingL1(0.0)))
    setter = SetStrength(1000.0, epoch=2)
    fit(model, regression, epochs=1)
    calls = CountingL1.calls
    fit(model, regression, epochs=4, callbacks=[setter])
    assert setter.zeros == [0, 0, 30, 30]
    if keras.backend.backend() != "torch":
        assert CountingL1.calls == calls > 0


def test_schedule_counts_iterations(regression):
    # 0 up to iteration 3, then all of it; 4 batches an epoch.
    schedule = kreg.schedules.Piecewise([3], [0.0, 1.0])
    optimizer = Proximal(
        K.SGD(0.05, gradient_accumulation_steps=2), R.L1(1000.0), schedule
    )
    model = small_model(optimizer)
    setter = SetStrength(1000.0, epoch=99)
    fit(model, regression, epochs=4, callbacks=[setter])  # 2 updates each
    assert setter.zeros == [0, 0, 30, 30]
    assert float(optimizer.penalty.l1.effective) == 1000.0
    first = Proximal(K.SGD(0.05), R.L1(1000.0), schedule)
    model = small_model(first)
    fit(model, regression, callbacks=[setter])  # the 4th step is iteration 3
    assert setter.zeros[-1] == 0
    assert float(first.penalty.l1.effective) == 1000.0  # of the next step
    with pytest.raises(ValueError, match="no schedule yet"):
        Proximal("sgd", first.penalty)


def test_loss_is_clean_and_the_monitor_sees_the_penalty(regression):
    x, y = regression
    model = small_model(Proximal(K.SGD(0.0), R.L1(0.5)))
    monitor = kreg.callbacks.OverfitMonitor(train_data=regression)
    logs = fit(
        model, regression, validation_data=regression, callbacks=[monitor]
    )
    kernels = [model.get_layer(n).kernel for n in ("hidden", "head")]
    total = sum(float(ops.sum(ops.abs(kernel))) for kernel in kernels)
    assert logs["penalty"][-1] == pytest.approx(0.5 * total, rel=1e-5)
    assert logs["val_data_loss"][-1] == pytest.approx(logs["val_loss"][-1])
    mse = np.mean((model.predict(x, verbose=0) - y) ** 2)
    assert logs["val_loss"][-1] == pytest.approx(mse, rel=1e-4)


RESUMED = {
    "momentum": lambda: K.SGD(0.02, momentum=0.9),
    "RMSprop": lambda: K.RMSprop(0.01, momentum=0.5),
    "Nadam": lambda: K.Nadam(0.01),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_saved_model_goes_on_as_if_it_had_not_been(
    name, regression, tmp_path
):
    optimizer = Proximal(
        RESUMED[name](),
        {"hidden": R.GroupLasso(0.2), "kernel": R.L1(0.1)},
        kreg.schedules.Ramp(20),
        exclude="norm",
    )
    model = small_model(optimizer)
    fit(model, regression)
    kreg.set_strengths(model, {"optimizer/penalty/kernel/l1": 0.07})
    model.save(tmp_path / "model.keras")
    fit(model, regression, epochs=2)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    strengths = kreg.strengths(loaded)
    assert list(strengths) == list(kreg.strengths(model))
    assert strengths["optimizer/penalty/kernel/l1"].value == 0.07
    fit(loaded, regression, epochs=2)
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6
        )
    other = small_model(Proximal.from_config(optimizer.get_config()), seed=2)
    other.optimizer.build(other.trainable_variables)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    for a, b in zip(
        optimizer.variables, other.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )


@keras.saving.register_keras_serializable("kreg_tests")
def is_kernel(variable):
    return variable.name == "kernel"


def test_selections_by_function_are_saved_if_registered():
    made = Proximal("adam", R.L1(0.1), only=is_kernel, exclude=["norm"])
    config = json.loads(json.dumps(made.get_config()))
    again = Proximal.from_config(config)
    assert again.only is is_kernel
    assert again.exclude == ("norm",)
    with pytest.raises(ValueError, match="registered function"):
        Proximal("adam", R.L1(0.1), only=lambda v: True).get_config()


@pytest.mark.backends("jax", "torch")
def test_strengths_are_inputs_of_stateless_apply():
    w = keras.Variable(np.full((2, 2), 1.0, "float32"), name="w")
    optimizer = Proximal(K.SGD(0.1), R.L1(0.0))
    optimizer.build([w])
    state = [ops.convert_to_tensor(v) for v in optimizer.variables]
    index = next(
        i
        for i, v in enumerate(optimizer.variables)
        if v is optimizer.penalty.l1.variable
    )
    for strength, expected in ((0.0, 1.0), (2.0, 0.8), (20.0, 0.0)):
        state[index] = ops.convert_to_tensor(np.float32(strength))
        new, _ = optimizer.stateless_apply(
            state, [ops.zeros((2, 2))], [ops.convert_to_tensor(w)]
        )
        np.testing.assert_allclose(
            ops.convert_to_numpy(new[0]), expected, atol=1e-6
        )
    assert float(optimizer.penalty.l1) == 0.0


def test_learning_rate_is_the_optimizers(regression):
    optimizer = Proximal(K.SGD(0.1), R.L1(0.1))
    model = small_model(optimizer)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(model, regression, epochs=2, callbacks=[halve])
    assert float(optimizer.learning_rate) == pytest.approx(0.025)
    assert int(optimizer.iterations) == 8


def test_weight_decay_is_the_optimizers():
    optimizer = Proximal(K.SGD(0.1, weight_decay=0.5), R.L1(0.1))
    optimizer.exclude_from_weight_decay(var_names=["spared"])
    spared, decayed = (
        keras.Variable([2.0], name=name) for name in ("spared", "decayed")
    )
    optimizer.apply([ops.zeros(1)] * 2, [spared, decayed])
    moved = 2.0 - 0.1 * 0.1  # by the penalty
    assert float(spared[0]) == pytest.approx(moved)
    assert float(decayed[0]) == pytest.approx(2.0 * 0.95 - 0.01)


def test_set_weights_sets_all():
    optimizer = Proximal(K.Adam(0.01), R.L1(0.1))
    weight = keras.Variable([2.0, 3.0])
    optimizer.apply([ops.ones(2)], [weight])
    values = [ops.convert_to_numpy(v) for v in optimizer.variables]
    other = Proximal(K.Adam(0.5), R.L1(0.3))
    with pytest.raises(ValueError, match="has not yet been built"):
        other.set_weights(values)
    other.build([weight])
    other.set_weights(values)
    for variable, value in zip(other.variables, values, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)
    other.penalty.l1 = 0.7
    with pytest.raises(ValueError, match="`weights`. Expected arrays of the"):
        other.set_weights(values[:-1])
    assert other.penalty.l1.value == 0.7


@pytest.mark.filterwarnings("ignore:.*any trainable weights")
def test_a_frozen_model_has_nothing_to_penalize(regression):
    model = small_model("sgd")
    model.trainable = False
    model.compile(Proximal("sgd", R.L1(0.1)), "mse")
    model.train_on_batch(*regression)
    assert model.optimizer.targets == []


def test_scales_of_float8_are_no_weights():
    scale, weight = keras.Variable([2.0]), keras.Variable([2.0])
    scale.overwrite_with_gradient = True
    optimizer = Proximal(K.SGD(1.0), R.L1(0.5))
    optimizer.apply([ops.ones(1) * 3.0] * 2, [scale, weight])
    assert float(scale[0]) == 3.0
    assert float(weight[0]) == -0.5  # 2 - 3, and nearer to 0 by 0.5
    alone = Proximal(K.SGD(1.0), R.L1(0.5))
    alone.build([scale])
    assert alone.targets == []


def test_mixed_precision_wraps_it_in_loss_scaling(regression):
    keras.config.set_dtype_policy("mixed_float16")
    model = small_model(Proximal(K.SGD(0.05), R.L1(1000.0)))
    fit(model, regression)
    assert isinstance(model.optimizer, K.LossScaleOptimizer)
    kernel = ops.convert_to_numpy(model.get_layer("hidden").kernel)
    assert not np.any(kernel)
    assert list(kreg.strengths(model)) == ["optimizer/penalty/l1"]


@pytest.mark.backends("tensorflow", "jax")
def test_xla_and_eager_agree(regression):
    def weights(**arguments):
        model = small_model(
            Proximal(K.Adam(0.02), R.SparseGroupLasso(0.05, 0.05)), **arguments
        )
        fit(model, regression, epochs=3)
        return [ops.convert_to_numpy(w) for w in model.weights]

    eager = weights(run_eagerly=True)
    for a, b in zip(eager, weights(jit_compile=True), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.backends("tensorflow")
def test_the_graph_grows_by_a_fixed_number_of_ops_a_weight():
    from tests.backends import number_of_ops

    def ops_of(count, optimizer):
        weights = [
            keras.Variable(np.ones((3, 2), "float32"), name=f"w{i}")
            for i in range(count)
        ]
        optimizer.build(weights)
        gradients = [ops.ones((3, 2)) for _ in weights]
        return number_of_ops(lambda: optimizer.apply(gradients))

    def added(count, inner, penalty):
        with_prox = ops_of(count, Proximal(inner(), penalty()))
        return with_prox - ops_of(count, inner())

    for inner, penalty, limit in (
        (lambda: K.SGD(0.1), lambda: R.L1(0.1), 12),
        (lambda: K.Adam(0.1), lambda: R.L1(0.1), 18),
        (lambda: K.SGD(0.1), lambda: R.GroupLasso(0.1), 36),
        (lambda: K.Adam(0.1), lambda: R.GroupLasso(0.1), 80),
    ):
        few, more, most = (added(n, inner, penalty) for n in (2, 4, 8))
        each = (more - few) / 2
        assert (most - more) / 4 == each
        assert each <= limit

"""FeatureGate: its distribution, its penalty, what it selects."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

import kreg
from tests.backends import gradient

FeatureGate = kreg.layers.FeatureGate


def test_gates_are_hard_concrete():
    # P(open) = sigmoid(log_alpha - 2/3 log(0.1 / 1.1)); P(gate < 0.5) is
    # that of s < 0.5, as the stretch is symmetric: sigmoid(-log_alpha * 2/3
    # / temperature ...) = P(logit(u) < -log_alpha) = sigmoid(-log_alpha).
    log_alpha = np.array([-2.0, 0.0, 1.5], "float32")
    gate = FeatureGate(0.1, seed=1)
    x = np.ones((20_000, 3), "float32")
    gate(x)
    gate.log_alpha.assign(log_alpha)
    z = ops.convert_to_numpy(gate(x, training=True))
    assert np.all((z >= 0) & (z <= 1))
    shift = 2 / 3 * np.log(0.1 / 1.1)
    for observed, expected in (
        ((z > 0).mean(axis=0), special.expit(log_alpha - shift)),
        ((z < 1).mean(axis=0), special.expit(-log_alpha - shift)),
        ((z < 0.5).mean(axis=0), special.expit(-log_alpha)),
    ):
        assert np.all(np.abs(observed - expected) < 4 * 0.5 / np.sqrt(len(x)))
    at_inference = np.clip(1.2 * special.expit(log_alpha) - 0.1, 0, 1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(gate(x[:1]))[0], at_inference, atol=1e-6
    )


def test_penalty_is_the_expected_number_of_open_gates():
    gate = FeatureGate(0.5, open_probability=0.25, calls_per_step=2)
    x = np.ones((2, 8), "float32")
    gate(x)
    assert gate.losses == []  # only in training
    gate(x, training=True)
    assert float(gate.losses[0]) == 0.0  # the last call of a step pays
    gate(x, training=True)
    assert float(gate.losses[0]) == pytest.approx(0.5 * 8 * 0.25, rel=1e-5)
    assert float(gate.current_penalty()) == pytest.approx(1.0, rel=1e-5)


def test_gradient_reaches_the_gates():
    gate = FeatureGate(0.5, seed=2)
    x = np.ones((64, 3), "float32")
    gate.build(x.shape)

    def total(log_alpha):
        mapping = [(gate.log_alpha, log_alpha)]
        with keras.StatelessScope(state_mapping=mapping):
            return ops.sum(gate(x, training=True))

    for value in (-30.0, 0.0, 30.0):
        grads = gradient(total, np.full(3, value, "float32"))
        assert np.all(np.isfinite(grads))
        assert np.all(grads > 0) == (value == 0.0)


def test_it_keeps_the_inputs_that_matter():
    random = np.random.default_rng(0)
    x = random.normal(size=(512, 6)).astype("float32")
    y = (x[:, :1] - 2 * x[:, 1:2]).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            FeatureGate(0.05, seed=1, name="gate"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    assert "gate/strength" in kreg.strengths(model)
    monitor = kreg.callbacks.OverfitMonitor()
    history = model.fit(
        x, y, batch_size=64, epochs=30, verbose=0, validation_data=(x, y),
        callbacks=[monitor],
    ).history  # fmt: skip
    gates = ops.convert_to_numpy(model.get_layer("gate").gates)
    assert np.all(gates[:2] > 0.5)
    assert not np.any(gates[2:])
    assert history["penalty"][-1] > 0.05
    assert history["val_data_loss"][-1] == pytest.approx(
        history["val_loss"][-1], rel=1e-5
    )


def test_an_unknown_number_of_features_is_refused():
    sentence = r"a known number of features .* of shape \(None, 4, None\)"
    with pytest.raises(ValueError, match=sentence):
        FeatureGate()(keras.Input((4, None)))
    assert FeatureGate()(keras.Input((None, 4))).shape == (None, None, 4)


def test_numbers_of_numpy_are_taken():
    gate = FeatureGate(np.float32(0.5), open_probability=np.float32(0.25))
    assert gate.get_config()["open_probability"] == 0.25
    assert type(gate.get_config()["open_probability"]) is float

"""StrengthScheduler: which value at which epoch or batch."""

import keras
import numpy as np
import pytest
from keras import ops

import kreg

Scheduler = kreg.callbacks.StrengthScheduler
X, Y = np.zeros((16, 4), "float32"), np.zeros((16, 2), "float32")


def model_of(l2=2.0, **arguments):
    """Its loss is `8 * l2`, or 0 beside it."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                2,
                kernel_initializer="ones",
                kernel_regularizer=kreg.regularizers.L2(l2),
                name="d",
            ),
            kreg.layers.ScheduledDropout(0.5, name="drop"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse", **arguments)
    return model


def losses(model, *callbacks, epochs=4, **arguments):
    fitted = model.fit(
        X, Y, batch_size=4, epochs=epochs, verbose=0,
        callbacks=list(callbacks), **arguments,
    )  # fmt: skip
    return np.array(fitted.history["loss"]) / 8, fitted.history


def test_a_schedule_multiplies_the_value_epoch_by_epoch():
    obeyed, logs = losses(
        model_of(), Scheduler("d/kernel_regularizer/l2", kreg.schedules.Ramp(2))
    )
    np.testing.assert_allclose(obeyed, [0, 1, 2, 2], rtol=1e-6)
    assert logs["d/kernel_regularizer/l2"] == [0, 1, 2, 2]


def test_a_callable_gets_the_index_and_the_current_value():
    obeyed, _ = losses(
        model_of(), Scheduler("*/l2", lambda epoch, value: value / 2 + epoch)
    )
    np.testing.assert_allclose(obeyed, [1, 1.5, 2.75, 4.375], rtol=1e-6)


def test_per_batch_counts_by_the_optimizer():
    model = model_of()
    scheduler = Scheduler(
        "*/l2", kreg.schedules.Ramp(8), value=4.0, frequency="batch"
    )
    obeyed, _ = losses(model, scheduler, epochs=2)
    expected = [np.mean([0, 0.5, 1, 1.5]), np.mean([2, 2.5, 3, 3.5])]
    np.testing.assert_allclose(obeyed, expected, rtol=1e-6)
    obeyed, _ = losses(model, scheduler, epochs=1)
    np.testing.assert_allclose(obeyed, [4.0], rtol=1e-6)


def test_a_schedule_of_keras_and_a_glob_of_two_kinds():
    decay = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    model = model_of()
    obeyed, logs = losses(model, Scheduler("*", decay))
    np.testing.assert_allclose(obeyed, [2, 1, 0.5, 0.25], rtol=1e-6)
    assert logs["drop/rate"] == [0.5, 0.25, 0.125, 0.0625]


def test_a_second_fit_multiplies_the_same_value_again():
    model = model_of()
    scheduler = Scheduler("*/l2", kreg.schedules.Anneal(2))
    for expected in ([2, 1, 0], [2, 1, 0]):
        obeyed, _ = losses(model, scheduler, epochs=3)
        np.testing.assert_allclose(obeyed, expected, rtol=1e-6)
    kreg.set_strengths(model, {"*/l2": 6.0})  # unless someone changed it
    obeyed, _ = losses(model, scheduler, epochs=3)
    np.testing.assert_allclose(obeyed, [6, 3, 0], rtol=1e-6)
    obeyed, _ = losses(model, scheduler, epochs=3, initial_epoch=1)
    np.testing.assert_allclose(obeyed, [3, 0], rtol=1e-6)


def test_restored_weights_are_no_new_value():
    model = model_of()
    scheduler = Scheduler("*/l2", kreg.schedules.Ramp(7))
    best = keras.callbacks.EarlyStopping(
        "loss", patience=2, restore_best_weights=True, start_from_epoch=1
    )
    for _ in range(2):  # stops, and restores 2 / 7
        obeyed, _ = losses(model, scheduler, best)
        np.testing.assert_allclose(obeyed, [0, 2 / 7, 4 / 7, 6 / 7], rtol=1e-6)
    kreg.set_strengths(model, {"*/l2": 4 / 7})  # that, however, is one
    obeyed, _ = losses(model, scheduler, epochs=2)
    np.testing.assert_allclose(obeyed, [0, 4 / 49], rtol=1e-6)


def test_a_path_that_matches_nothing_raises_before_training():
    model = model_of()
    with pytest.raises(ValueError, match="No strength matches the path 'x/l2'"):
        losses(model, Scheduler("x/l2", kreg.schedules.Ramp(2)))
    assert int(model.optimizer.iterations) == 0


def test_a_value_out_of_range_raises_before_training():
    model = model_of()
    with pytest.raises(ValueError, match=r"\[0, 1\]. Received: rate=3.0"):
        losses(model, Scheduler("drop/rate", kreg.schedules.Ramp(2), value=3.0))
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("*", None), "argument `schedule`. Expected a schedule or a callable"),
        (("*", 0.5), "argument `schedule`. Expected a schedule such as"),
        ((3, max), "argument `path`. Expected a path or glob"),
        (("*", max, -1.0), "argument `value`. Expected a finite non-neg"),
        (("*", max, 1.0, "step"), 'argument `frequency`. Expected "epoch"'),
    ],
)
def test_bad_arguments(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Scheduler(*arguments)


def test_verbose_prints_each_change(capsys):
    losses(model_of(), Scheduler("*/l2", lambda e, v: 1.0, verbose=1), epochs=1)
    assert "epoch 0: d/kernel_regularizer/l2 = 1\n" in capsys.readouterr().out


def test_a_tensor_from_a_callable_is_taken():
    obeyed, _ = losses(
        model_of(), Scheduler("*/l2", lambda e, v: ops.ones(()) * 3), epochs=1
    )
    np.testing.assert_allclose(obeyed, [3.0], rtol=1e-6)

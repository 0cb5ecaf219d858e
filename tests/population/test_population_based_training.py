"""Population-based training, on its paper's own toy and by replaying it."""

import keras
import numpy as np
import pytest

import kreg
from kreg.population import Population, PopulationBasedTraining, Programs
from kreg.population._selection import explored, parents
from tests.population import zoo

pytestmark = pytest.mark.backends("tensorflow", "jax")

PROGRAMS = Programs()  # one graph for all tests with `build`
FIT = {"batch_size": 16, "validation_split": 0.4}


def build():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(
                8,
                "relu",
                kernel_regularizer=kreg.regularizers.L2(0.0),
                name="hidden",
            ),
            kreg.layers.ScheduledDropout(0.0, seed=1, name="drop"),
            keras.layers.Dense(4, name="scores"),
        ]
    )
    return zoo.compiled(model, keras.optimizers.Adam(1e-2))


def values():
    return {
        "*/l2": [1e-4, 1e-2, 1e-1, 1.0],
        "drop/rate": [0.0, 0.2, 0.9, 0.4],
        "learning_rate": [1e-4, 1e-3, 1e-2, 1e-1],
    }


def test_the_worst_take_over_from_the_best():
    random = np.random.default_rng(0)
    scores = np.array([0.1, 0.4, np.nan, 0.2, 0.9, 0.3, 0.8, 0.5])
    chosen = parents(scores, 0.25, random)
    assert set(chosen[[2, 4]]) <= {0, 3}
    np.testing.assert_array_equal(
        chosen[[0, 1, 3, 5, 6, 7]], [0, 1, 3, 5, 6, 7]
    )
    lost = parents(np.full(4, np.nan), 0.25, random)
    np.testing.assert_array_equal(lost, range(4))


def test_values_are_varied_within_their_limit():
    random = np.random.default_rng(0)
    initial = np.array([1e-4, 1e-1])
    near = {
        explored(0.5, initial, (0.8, 1.25), 0.0, 0.6, random) for _ in range(50)
    }
    assert near == {0.4, 0.6}
    fresh = [
        explored(0.5, initial, (0.8,), 1.0, 1.0, random) for _ in range(2000)
    ]
    assert 1e-4 <= min(fresh) <= max(fresh) <= 1e-1
    assert np.median(np.log10(fresh)) == pytest.approx(-2.5, abs=0.15)


def two_parameters():
    """The toy of the paper's figure 2, as a network of two weights.

    The gradient is that of h0 w0^2 + h1 w1^2, where w0^2 + w1^2 counts.
    """

    def weight(name):
        return keras.layers.Dense(
            1,
            use_bias=False,
            kernel_initializer=keras.initializers.Constant(0.9),
            kernel_regularizer=kreg.regularizers.L2(0.0),
            name=name,
        )

    x = keras.Input((1,))
    both = keras.layers.Concatenate()([weight("w0")(x), weight("w1")(x)])
    model = keras.Model(x, both)
    model.compile(
        keras.optimizers.SGD(0.05), "mse", loss_weights=[0.0], metrics=["mse"]
    )
    return model


def test_the_toy_of_the_paper():
    x, y = np.ones((8, 1), "float32"), np.zeros((8, 2), "float32")
    fit = {"validation_data": (x, y), "batch_size": 8, "epochs": 80}
    strengths = {"w0/*/l2": [1.0, 0.0] * 2, "w1/*/l2": [0.0, 1.0] * 2}
    fixed = Population(two_parameters, strengths).fit(x, y, **fit)
    # Each finds one of the two weights, and never the other.
    for history in fixed:
        assert history["val_mse"][-1] == pytest.approx(0.81 / 2, rel=1e-2)
    training = PopulationBasedTraining(
        two_parameters,
        strengths,
        interval=4,
        share=0.5,
        resample=0.5,
        objective="val_mse",
    )
    histories = training.fit(x, y, **fit)
    assert histories[training.best_trial]["val_mse"][-1] < 0.02


def test_one_model_trained_with_the_courses_ends_as_the_best_did():
    x, y = zoo.data("dense")
    training = PopulationBasedTraining(
        build,
        values(),
        interval=2,
        share=0.5,
        resample=0.3,
        seed=3,
        programs=PROGRAMS,
    )
    histories = training.fit(x, y, epochs=8, **FIT)
    best = training.best_trial
    line = training.lineage.ancestors(best)
    assert len(set(line)) > 1  # else this would prove little
    again = Population(
        build, {"learning_rate": [1.0]}, seed=3, programs=PROGRAMS
    )
    replayed = again.fit(
        x, y, epochs=8, callbacks=training.callbacks(best), **FIT
    )
    assert replayed[0]["val_data_loss"][-1] == pytest.approx(
        histories[best]["val_data_loss"][-1], rel=1e-5
    )
    for path, value in training.population.values.items():
        if path in again.values:
            np.testing.assert_allclose(again.values[path][0], value[best])
    model = training.unstack(best)
    assert model.evaluate(x[30:], y[30:], verbose=0, return_dict=True)[
        "accuracy"
    ] == pytest.approx(again.evaluate(x[30:], y[30:])["accuracy"][0])


def test_the_courses_are_schedules_of_the_epoch():
    x, y = zoo.data("dense")
    training = PopulationBasedTraining(
        build, values(), share=0.5, seed=2, programs=PROGRAMS
    )
    training.fit(x, y, epochs=5, **FIT)
    trial = training.best_trial
    line = training.lineage.ancestors(trial)
    assert [g.epoch for g in training.lineage] == list(range(5))
    for path, course in training.courses(trial).items():
        assert isinstance(course.schedule, kreg.schedules.Piecewise)
        for generation, member in zip(training.lineage, line, strict=True):
            assert course.value * float(
                course.schedule(generation.epoch)
            ) == pytest.approx(generation.values[path][member], rel=1e-6)


def test_a_trial_that_turns_nan_goes_on_from_another():
    x, y = zoo.data("dense")
    rates = {"learning_rate": [1e-3, 1e-2, 1e30, 3e-3]}
    training = PopulationBasedTraining(
        build, rates, resample=0.0, programs=PROGRAMS
    )
    histories = training.fit(x, y, epochs=4, **FIT)
    assert not training.population.failures
    assert np.isfinite(histories[2]["loss"][-1])
    assert training.population.values["learning_rate"][2] < 1.0


def test_a_second_fit_goes_on():
    x, y = zoo.data("dense")
    once = PopulationBasedTraining(build, values(), seed=1, programs=PROGRAMS)
    expected = once.fit(x, y, epochs=4, **FIT)
    twice = PopulationBasedTraining(build, values(), seed=1, programs=PROGRAMS)
    twice.fit(x, y, epochs=2, **FIT)
    assert twice.fit(x, y, epochs=4, **FIT) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": 0}, "`interval`"),
        ({"share": 0.6}, "`share`"),
        ({"factors": ()}, "`factors`"),
        ({"resample": 1.5}, "`resample`"),
        ({"mode": "least"}, "`mode`"),
        ({"values": {"*/l2": [0.1]}}, "at least two trials"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PopulationBasedTraining(build, **{"values": values(), **arguments})


def test_what_cannot_be_trained_is_refused():
    x, y = zoo.data("dense")
    with pytest.raises(ValueError, match="`callbacks`"):
        PopulationBasedTraining(build, values()).fit(x, y, callbacks=[])
    with pytest.raises(ValueError, match="`objective`"):
        PopulationBasedTraining(
            build, values(), objective="val_acc", programs=PROGRAMS
        ).fit(x, y, **FIT)
    same = PopulationBasedTraining(
        build, {"*/l2": [0.1, 0.1]}, programs=PROGRAMS
    )
    with pytest.raises(ValueError, match="in which trials differ"):
        same.fit(x, y, **FIT)

"""The quick gradient of max pooling is Keras's."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.backends("jax")

layers = keras.layers


@pytest.mark.parametrize(
    ("layer", "shape", "is_quicker"),
    [
        (lambda: layers.MaxPooling1D(3), (2, 8, 4), True),
        (lambda: layers.MaxPooling2D(2), (2, 6, 7, 3), True),
        (lambda: layers.MaxPooling2D((1, 3)), (2, 2, 9, 3), True),
        (lambda: layers.MaxPooling3D((2, 3, 1)), (2, 5, 6, 2, 2), True),
        # Windows that overlap, or reach beyond the edge, stay Keras's.
        (lambda: layers.MaxPooling2D(3, strides=2), (2, 7, 7, 3), False),
        (lambda: layers.MaxPooling2D(2, padding="same"), (2, 7, 7, 3), False),
    ],
)
@pytest.mark.parametrize("has_ties", [False, True])
def test_gradient_is_that_of_keras(layer, shape, is_quicker, has_ties):
    import jax

    from kreg.population._pooling_jax import quicken

    random = np.random.default_rng(0)
    x = random.integers(-1, 2, shape) if has_ties else random.normal(size=shape)
    x = x.astype("float32")
    model = keras.Sequential([keras.Input(shape[1:]), layer()])
    weight = random.normal(size=model(x).shape).astype("float32")

    def gradient():
        def total(x):
            return (model(x) * weight).sum()

        return jax.jit(jax.value_and_grad(total)), jax.make_jaxpr(
            jax.grad(total)
        )(x)

    before, _ = gradient()
    expected = before(x)
    quicken(model)
    quicken(model)  # once more changes nothing
    after, graph = gradient()
    found = after(x)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    # XLA's own goes through the windows with `select_and_scatter_add`.
    assert ("select_and_scatter_add" not in str(graph)) == is_quicker


def test_only_a_twin_is_quickened():
    from kreg.population import Population

    def built(rate):
        model = keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                layers.Conv2D(2, 3),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(rate),
                layers.Dense(1),
            ]
        )
        model.compile("sgd", "mse")
        return model

    models = [built(0.1), built(0.2)]
    population = Population(models)
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype("float32")
    population.fit(x, x.mean((1, 2, 3)), epochs=1, batch_size=4, verbose=0)
    pooling = population.trials.template.model.layers[1]
    assert "call" in vars(pooling)
    for model in (*models, population.unstack(0)):
        assert "call" not in vars(model.layers[1])

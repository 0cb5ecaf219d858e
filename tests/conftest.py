import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _fresh_keras():
    """Same seeds and no left-over state for every test."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def regression():
    """64 samples of 5 features and one noisy linear target."""
    random = np.random.default_rng(3)
    x = random.normal(size=(64, 5)).astype("float32")
    y = x @ random.normal(size=(5, 1)) + random.normal(size=(64, 1))
    return x, y.astype("float32")


def pytest_collection_modifyitems(config, items):
    """Deselects the tests of what this backend does not have.

    `@pytest.mark.backends("tensorflow", "jax")` names those that have it.
    """
    backend = keras.backend.backend()

    def runs(item):
        marker = item.get_closest_marker("backends")
        return marker is None or backend in marker.args

    deselected = [item for item in items if not runs(item)]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if runs(item)]

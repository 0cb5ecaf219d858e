import keras
import numpy as np
import pytest

from tests.backends import gpu_is_visible, use_one_thread


def pytest_configure(config):
    use_one_thread()


@pytest.fixture(autouse=True)
def _fresh_keras():
    """Same seeds and no left-over state for every test."""
    # Freeing memory collects garbage: 0.3 s for each of thousands of tests.
    keras.utils.clear_session(free_memory=False)
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
    """Deselects the tests of what this backend or machine does not have.

    `@pytest.mark.backends("tensorflow", "jax")` names the backends that have
    it; `@pytest.mark.gpu` needs a GPU that the backend sees.
    """
    backend = keras.backend.backend()
    has_gpu = gpu_is_visible()

    def runs(item):
        marker = item.get_closest_marker("backends")
        on_backend = marker is None or backend in marker.args
        return on_backend and (has_gpu or not item.get_closest_marker("gpu"))

    deselected = [item for item in items if not runs(item)]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if runs(item)]


def pytest_terminal_summary(terminalreporter):
    if not gpu_is_visible():
        backend = keras.backend.backend()
        terminalreporter.write_line(
            f"tests/gpu: deselected, no GPU is visible to {backend}"
        )

"""What the tests need of one backend and not of Keras: gradients, traces."""

import atexit
import shutil
import tempfile

import keras
import numpy as np

BACKEND = keras.backend.backend()


def gradient(function, x):
    """Returns d function(x) / d x of a scalar function, as a NumPy array."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return np.asarray(tape.gradient(value, x))
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    import torch

    x = torch.tensor(x, requires_grad=True)
    function(x).backward()
    return x.grad.numpy()


def jitted(function):
    """Returns `function` of one tensor, compiled (as it is, on Torch)."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def one_batch(x, y):
    """Returns arguments of `fit` to train and to validate on one batch.

    Keras makes a dataset of arrays that TensorFlow takes 25 ms an epoch to
    begin, so that long runs of small models do little else.
    """
    if BACKEND == "tensorflow":
        import tensorflow as tf

        batch = tf.data.Dataset.from_tensors((x, y))
        return {"x": batch, "validation_data": batch, "shuffle": False}
    return {"x": x, "y": y, "validation_data": (x, y), "shuffle": False}


def gpu_is_visible():
    """Tells whether the backend has a GPU to run on."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if BACKEND == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import torch

    return torch.cuda.is_available()


def use_one_thread():
    """Keeps Torch from spreading operations on tiny tensors over threads.

    They wait for each other more than they work, above all where several
    workers run tests: steps of a small model take 3 ms instead of 30.
    """
    if BACKEND == "torch":
        import torch

        torch.set_num_threads(1)


def compile_quickly():
    """Lets JAX compile what the tests run once: half their time goes there.

    The cache is this process's own: two that write the same entry read halves.
    """
    if BACKEND == "jax":
        import jax

        directory = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        jax.config.update("jax_disable_most_optimizations", True)
        jax.config.update("jax_compilation_cache_dir", directory)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class CountingDense(keras.layers.Dense):
    """A Dense layer that counts how often Python runs its `call`.

    In a compiled step that is once per trace.
    """

    calls = 0

    def call(self, inputs, training=None):
        type(self).calls += 1
        return super().call(inputs, training=training)


def number_of_ops(function):
    """How many operations TensorFlow's graph of `function()` has."""
    import tensorflow as tf

    graph = tf.function(function).get_concrete_function().graph
    return len(graph.get_operations())


def operations(function, *inputs):
    """The names of all that `function` would execute, however deep."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        graph = tf.function(function).get_concrete_function(*inputs).graph
        definition = graph.as_graph_def()
        bodies = [f.node_def for f in definition.library.function]
        return {n.op for nodes in (definition.node, *bodies) for n in nodes}
    if BACKEND == "jax":
        import jax

        return _primitives(jax.make_jaxpr(function)(*inputs).jaxpr)
    from torch.utils._python_dispatch import TorchDispatchMode

    names = set()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            names.add(str(function))
            return function(*args, **(kwargs or {}))

    with Recorder():
        function(*inputs)
    return names


def _primitives(jaxpr):
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        names.add(str(equation.params.get("name", "")))  # of what is jitted
        for value in equation.params.values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    names |= _primitives(inner)
    return names

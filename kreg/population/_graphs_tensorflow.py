"""What the graphs of TensorFlow's engine are made with."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kreg._mapping import mapped


class Batch:
    """A batch that all trials share, flat inputs once for each trial.

    A product of what is stacked with what is not is transposed back and forth;
    copies of a flat input cost less. Images stay as they are: copies of those
    would be large.

    Args:
        data: Tuple `(x, y, sample_weight)` of tensors, or `None`.
        size: Integer. Number of trials.
    """

    def __init__(self, data: Any, size: int):
        parts: tuple[Any, ...] = data or (None,)
        self._x, self._rest = parts[0], parts[1:]
        self._leaves = keras.tree.flatten(self._x)
        self._flat = [
            index
            for index, leaf in enumerate(self._leaves)
            if leaf is not None and len(leaf.shape) == 2
        ]
        self.repeated = [repeated(self._leaves[i], size) for i in self._flat]

    def with_rows(self, rows: list[Any]) -> tuple[Any, ...]:
        """Returns the batch with one trial's copies of the flat inputs."""
        leaves = list(self._leaves)
        for index, row in zip(self._flat, rows, strict=True):
            leaves[index] = row
        return (keras.tree.pack_sequence_as(self._x, leaves), *self._rest)


def graph(function: Any, **options: Any) -> Any:
    """Returns `function` as a graph."""
    # Rewriting the Python of the model takes longer than tracing it.
    return tf.function(function, autograph=False, **options)


class Compiled:
    """A graph that XLA compiles, traced before.

    While it traces what XLA compiles, TensorFlow gives what it maps a graph of
    its own. All that goes into such a graph counts as constant for XLA once a
    gradient is taken, so that it would compile every step anew.

    Args:
        plain: A `graph`, of data and rows, without results.
    """

    def __init__(self, plain: Any):
        self._plain = plain
        self._compiled = graph(self._run, jit_compile=True)
        self._traced: Any = None

    def trace(self, data: Any, rows: Any) -> None:
        """Must be called, outside of graphs, before calls with such rows.

        Traced for batches of any size, the graph serves where XLA compiles
        nothing, too; XLA sees the size in what it is given.
        """
        spec = tf.TensorSpec([None] * len(rows.shape), rows.dtype)
        self._traced = self._plain.get_concrete_function(data, spec)

    def __call__(self, *arguments: Any) -> None:
        self._compiled(*arguments)

    def _run(self, *arguments: Any) -> None:
        self._traced(*arguments)


def each(rows: Any, step: Any) -> None:
    """Calls `step` with each of the first axis of `rows`, in a loop."""

    def body(index: Any) -> Any:
        step(rows[index])
        return index + 1

    count = tf.shape(rows)[0]
    tf.while_loop(lambda index: index < count, body, (0,))


def loosened(rows: Any) -> Any:
    """Hides the size of a batch, so that all sizes share one trace."""
    shape = [None] * len(rows.shape)
    return tf.compat.v1.placeholder_with_default(rows, shape)


def vectorized(one: Any, rows: Any) -> Any:
    """Maps a function over the first axis of all tensors in `rows`."""
    # What has no mapped form loops over the trials: slower, same numbers.
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        with mapped():
            return tf.vectorized_map(one, rows, fallback_to_while_loop=True)
    finally:
        logger.setLevel(level)


def take(data: Any, rows: Any) -> Any:
    """Returns the given rows of all arrays."""
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else tf.gather(leaf, rows), data
    )


def tensors(tree: Any) -> Any:
    """Returns variables as tensors."""
    return keras.tree.map_structure(tf.convert_to_tensor, tree)


def view(variable: Any) -> np.ndarray:
    """Returns the value of a variable, not copied where that can be.

    It stays what it is: TensorFlow gives a variable other memory to write to
    for as long as somebody looks at this.
    """
    return np.asarray(variable.read_value())


def stack(values: list[np.ndarray], like: list[Any]) -> list[Any]:
    """Returns stacked variables of the dtypes of `like`."""
    return [
        tf.Variable(value, dtype=variable.dtype)
        for value, variable in zip(values, like, strict=True)
    ]


def repeated(value: Any, size: int) -> Any:
    """Returns `size` copies of a value, stacked."""
    return tf.repeat(tf.convert_to_tensor(value)[None], size, 0)


def assign(variables: Any, values: Any) -> None:
    """Assigns values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

"""Trials that take their steps in turns, on JAX."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras

from kreg._structure import walk

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


_PRODUCTS = (keras.layers.Dense, keras.layers.EinsumDense)
# Entries of a matrix from which on XLA multiplies it quicker alone.
_LARGE = 200_000


def pays_for(model: Any) -> bool:
    """Tells whether trials of a model are quicker in turns than mapped.

    On a CPU, XLA takes 2.3 times as long for a convolution inside a loop as
    outside, be it a loop over steps or over trials; and of kernels that differ
    by trial it makes one with a group for each, which is slower still. Products
    with large matrices gain nothing from being stacked, and lose: those of 784
    by 128 are quicker mapped, those of 784 by 256 half as quick.

    Args:
        model: Built Keras model.
    """
    on_cpu = jax.devices()[0].platform == "cpu"
    return on_cpu and any(_is_quicker_alone(layer) for _, layer in walk(model))


def _is_quicker_alone(layer: Any) -> bool:
    if isinstance(layer, _PRODUCTS):
        return math.prod(layer.kernel.shape) >= _LARGE
    return isinstance(layer, _CONVOLUTIONS)


class InTurns:
    """Calls a compiled function of one trial for each of stacked trials.

    Args:
        one: Function of parts of one trial's state.
        size: Integer. Number of trials.
        axes: Of each of these parts, 0; or `None` if all trials share it; or
            a tuple of such, for the items of the part.
        axes_of_result: The same of what `one` returns; what has `None` must
            be equal for all trials.
    """

    def __init__(
        self,
        one: Callable[..., Any],
        size: int,
        axes: tuple[Any, ...],
        axes_of_result: Any,
    ):
        self._one = jax.jit(one)
        self._step = jax.jit(one, donate_argnums=0)
        self._apart = jax.jit(
            lambda parts: [_row(parts, axes, k) for k in range(size)]
        )
        self._together = jax.jit(lambda rows: _stacked(rows, axes_of_result))

    def each(self, parts: tuple[Any, ...], *shared: Any) -> Any:
        """Returns the stacked results of `one(*parts, *shared)`."""
        rows = self._apart(parts)
        return self._together([self._one(*row, *shared) for row in rows])

    def batches(
        self,
        parts: tuple[Any, ...],
        data: Any,
        batches: list[Any],
        own_data: bool,
    ) -> Any:
        """Returns what becomes of the first part, batch after batch.

        Args:
            parts: What goes on, which is used up, and what stays as it is.
            data: Arrays.
            batches: The rows of `data` in each batch.
            own_data: Boolean: whether these are lists, of rows for each trial.
        """
        carries, fixed = [], []
        for carry, *others in self._apart(parts):
            carries.append(carry)
            fixed.append(others)
        jax.tree.map(lambda leaf: leaf.delete(), parts[0])
        for batch in batches:
            for k, others in enumerate(fixed):
                rows = batch[k] if own_data else batch
                carries[k] = self._step(carries[k], *others, data, rows)
        return self._together(carries)


def _row(part: Any, axes: Any, index: int) -> Any:
    if isinstance(axes, tuple):
        pairs = zip(part, axes, strict=True)
        return tuple(_row(held, axis, index) for held, axis in pairs)
    if axes is None:  # each trial uses up its own
        return jax.tree.map(jnp.copy, part)
    return jax.tree.map(lambda leaf: leaf[index], part)


def _stacked(rows: list[Any], axes: Any) -> Any:
    if isinstance(axes, tuple):
        columns = zip(*rows, strict=True)
        pairs = zip(columns, axes, strict=True)
        return tuple(_stacked(list(column), axis) for column, axis in pairs)
    if axes is None:
        return rows[0]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)

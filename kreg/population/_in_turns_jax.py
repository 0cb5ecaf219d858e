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
        self._size = size
        self._axes = axes_of_result
        self._one = jax.jit(one)
        self._step = jax.jit(one, donate_argnums=0)
        self._row = jax.jit(lambda parts, k: _row(parts, axes, k))
        self._put = jax.jit(
            lambda whole, row, k: _put(whole, row, axes_of_result, k),
            donate_argnums=0,
        )
        self._together = jax.jit(lambda rows: _stacked(rows, axes_of_result))

    def each(self, parts: tuple[Any, ...], *shared: Any) -> Any:
        """Returns the stacked results of `one(*parts, *shared)`."""
        return self._together(
            [
                self._one(*self._row(parts, k), *shared)
                for k in range(self._size)
            ]
        )

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
        whole, *fixed = parts
        for k in range(self._size):
            # One trial after the other, so that one at a time needs memory.
            row, *others = self._row((whole, *fixed), k)
            for batch in batches:
                rows = batch[k] if own_data else batch
                row = self._step(row, *others, data, rows)
            whole = self._put(whole, row, k)
        return _with_shared(whole, row, self._axes)


def _row(part: Any, axes: Any, index: Any) -> Any:
    """Returns what one trial has of a part."""
    if isinstance(axes, tuple):
        pairs = zip(part, axes, strict=True)
        return tuple(_row(held, axis, index) for held, axis in pairs)
    if axes is None:  # each trial uses up its own
        return jax.tree.map(jnp.copy, part)
    return jax.tree.map(lambda leaf: leaf[index], part)


def _put(part: Any, row: Any, axes: Any, index: Any) -> Any:
    """Returns a part with the row of one trial; what is shared stays."""
    if isinstance(axes, tuple):
        triples = zip(part, row, axes, strict=True)
        return tuple(_put(*triple, index) for triple in triples)
    if axes is None:
        return part
    return jax.tree.map(lambda leaf, new: leaf.at[index].set(new), part, row)


def _with_shared(part: Any, row: Any, axes: Any) -> Any:
    """Returns a part with what all trials share as it is in a row."""
    if isinstance(axes, tuple):
        triples = zip(part, row, axes, strict=True)
        return tuple(_with_shared(*triple) for triple in triples)
    return row if axes is None else part


def _stacked(rows: list[Any], axes: Any) -> Any:
    if isinstance(axes, tuple):
        columns = zip(*rows, strict=True)
        pairs = zip(columns, axes, strict=True)
        return tuple(_stacked(list(column), axis) for column, axis in pairs)
    if axes is None:
        return rows[0]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)

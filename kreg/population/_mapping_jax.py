"""How a function of one trial becomes one of all trials, on JAX."""

from collections.abc import Callable
from typing import Any

import jax
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


def mapping_for(model: Any) -> Callable[..., Any]:
    """Returns `jax.vmap`, or a loop over the trials where that is quicker.

    Convolutions whose kernels differ by trial become one with a group for each
    trial. On a CPU that takes 1.6 times as long as one after the other (16
    trials of two layers).

    Args:
        model: Keras model.
    """
    on_cpu = jax.devices()[0].platform == "cpu"
    layers = (layer for _, layer in walk(model))
    convolves = any(isinstance(layer, _CONVOLUTIONS) for layer in layers)
    return looped if on_cpu and convolves else jax.vmap


def looped(
    function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0
) -> Callable[..., Any]:
    """As `jax.vmap`, one after the other.

    Args:
        function: Function of trees of arrays.
        in_axes: 0 or `None`, or a tuple of those (or of tuples) that stands
            for the arguments.
        out_axes: 0, or a tuple of 0 and `None` that stands for the results.
            What has `None` must be the same for each trial.
    """

    def run(*arguments: Any) -> Any:
        leaves, structure = jax.tree.flatten(arguments)
        axes = _axes_of_leaves(in_axes, arguments)
        mapped = [index for index, axis in enumerate(axes) if axis is not None]

        def one(rows: list[Any]) -> Any:
            full = list(leaves)
            for index, row in zip(mapped, rows, strict=True):
                full[index] = row
            return function(*jax.tree.unflatten(structure, full))

        results = jax.lax.map(one, [leaves[index] for index in mapped])
        if not isinstance(out_axes, tuple):
            return results
        return tuple(
            jax.tree.map(lambda leaf: leaf[0], part) if axis is None else part
            for part, axis in zip(results, out_axes, strict=True)
        )

    return run


def _axes_of_leaves(axes: Any, tree: Any) -> list[int | None]:
    if isinstance(axes, tuple):
        return [
            axis
            for part, of_part in zip(tree, axes, strict=True)
            for axis in _axes_of_leaves(of_part, part)
        ]
    return [axes] * len(jax.tree.leaves(tree))

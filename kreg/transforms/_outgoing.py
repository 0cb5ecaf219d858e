"""`Outgoing`: the weights that multiply each element of an input."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._structure import has_named_layers
from kreg.layers import FeatureGate
from kreg.transforms._graph import Call, Graph, Tensor, read
from kreg.transforms._mixing import Separable, mixing_kind
from kreg.transforms._table import core
from kreg.transforms._twins import is_noise

L = keras.layers
PADDED = (L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D)


class Outgoing:
    """Sums the squares of the weights that leave each element of an input.

    Attributes:
        squares: For each element, the sum of squares of its weights.
        counts: For each element, the number of its weights.
    """

    def __init__(self, size: int):
        self.squares = np.zeros(size)
        self.counts = np.zeros(size)

    @staticmethod
    def elements(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Returns number and scale of each element, in the given shape."""
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        return numbers, np.ones(shape)

    def follow(
        self, graph: Graph, tensor: Tensor, held: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Follows a tensor to the first kernels.

        Args:
            graph: The graph of a model.
            tensor: A tensor of it, made of nothing but the input.
            held: Which element each entry of it is (-1 for none), and what
                that has been multiplied by.
        """
        for call in graph.consumers(tensor):
            layer = graph.layers[call.layer]
            if has_named_layers(layer):
                inner = read(layer)
                entries = zip(call.inputs, inner.inputs, strict=True)
                for outer, entry in entries:
                    if outer == tensor:
                        self.follow(inner, entry, held)
                continue
            layer = core(layer)
            kernel = _kernel(layer)
            if kernel is not None:
                self._count(kernel, held)
                continue
            passed = _passed(layer, call, graph, tensor, held)
            self.follow(graph, call.output(), passed)

    def _count(
        self, kernel: np.ndarray, held: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Adds the weights of a kernel of shape `(channels, weights)`."""
        numbers, scales = held
        squares = np.square(kernel.astype("float64")).sum(axis=1)
        values = np.broadcast_to(squares, numbers.shape) * np.square(scales)
        real = numbers >= 0
        np.add.at(self.squares, numbers[real], values[real])
        np.add.at(self.counts, numbers[real], kernel.shape[1])


def _kernel(layer: Any) -> np.ndarray | None:
    """Returns the weights of each input channel, if the layer has such."""
    kind = mixing_kind(layer)
    if kind is Separable:
        window = ops.convert_to_numpy(layer.depthwise_kernel)
        points = ops.convert_to_numpy(layer.pointwise_kernel)
        window = window.reshape(-1, *window.shape[-2:])
        points = points.reshape(*window.shape[-2:], -1)
        kernel = np.einsum("kim,imo->iko", window, points)
        return kernel.reshape(len(kernel), -1)
    is_depthwise = type(layer) in (L.DepthwiseConv1D, L.DepthwiseConv2D)
    if kind is None and not is_depthwise:
        return None
    kernel = np.moveaxis(ops.convert_to_numpy(layer.kernel), -2, 0)
    return kernel.reshape(len(kernel), -1)


def _passed(
    layer: Any,
    call: Call,
    graph: Graph,
    tensor: Tensor,
    held: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the entries of the outputs of a layer are."""
    numbers, scales = held
    if type(layer) in (L.Flatten, L.Reshape):
        shape = tuple(n or 1 for n in graph.shapes[call.output()][1:])
        return numbers.reshape(shape), scales.reshape(shape)
    if is_noise(layer) or type(layer) is L.Identity:
        return held
    if type(layer) is L.Rescaling:
        return numbers, scales * np.asarray(layer.scale)
    if type(layer) is L.Normalization and not layer.invert:
        variance = ops.convert_to_numpy(layer.variance)
        return numbers, scales / np.sqrt(variance.reshape(variance.shape[1:]))
    if type(layer) is FeatureGate:
        return numbers, scales * ops.convert_to_numpy(layer.gates)
    is_batched = type(layer) is L.BatchNormalization
    if is_batched and layer.axis in (-1, numbers.ndim):
        return numbers, scales * _slopes(layer)
    if type(layer) in PADDED:
        width = np.array(layer.padding).reshape(-1, 2)
        pairs = [*map(tuple, width), (0, 0)]
        return np.pad(numbers, pairs, constant_values=-1), np.pad(scales, pairs)
    if type(layer) is L.Concatenate:
        return _lined_up(layer.axis, call, graph, tensor, held)
    raise ValueError(
        "Invalid value for argument `model`. Expected a Dense layer or a "
        "convolution after each input. Received: layer "
        f"{layer.name!r} of type {type(layer).__name__}, which has no weights "
        "for each feature."
    )


def _slopes(layer: Any) -> np.ndarray:
    """Returns what a BatchNormalization multiplies each channel by."""
    variance = ops.convert_to_numpy(layer.moving_variance)
    gamma = ops.convert_to_numpy(layer.gamma) if layer.scale else 1.0
    return gamma / np.sqrt(variance + layer.epsilon)


def _lined_up(
    axis: int,
    call: Call,
    graph: Graph,
    tensor: Tensor,
    held: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the entries of a concatenation, -1 for those of others."""
    axis = axis - 1 if axis > 0 else axis
    parts = []
    for other in call.inputs:
        shape = tuple(n or 1 for n in graph.shapes[other][1:])
        parts.append(
            held if other == tensor else (np.full(shape, -1), np.ones(shape))
        )
    numbers, scales = zip(*parts, strict=True)
    return np.concatenate(numbers, axis), np.concatenate(scales, axis)

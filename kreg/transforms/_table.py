"""The table of layers that `compact` understands."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kreg._structure import has_named_layers
from kreg.layers import FeatureGate, ScheduledPenalty
from kreg.layers._noisy_weights import NoisyWeights
from kreg.transforms._arithmetic import operation_kind
from kreg.transforms._graph import Call, Graph
from kreg.transforms._joining import MERGES, Concatenated, Flattened, Merged
from kreg.transforms._kinds import Kind, Opaque, channels
from kreg.transforms._mixing import (
    ELEMENTWISE,
    activation_name,
    mixing_kind,
    operation_name,
)
from kreg.transforms._passing import (
    Affine,
    BatchNormalized,
    Depthwise,
    Elementwise,
    Free,
    Gated,
    NormalizedByChannel,
    Rescaled,
    Sloped,
    Windowed,
)
from kreg.transforms._twins import is_noise

L = keras.layers
SAME = (
    L.ActivityRegularization,
    L.Cropping1D,
    L.Cropping2D,
    L.Cropping3D,
    L.GlobalAveragePooling1D,
    L.GlobalAveragePooling2D,
    L.GlobalAveragePooling3D,
    L.GlobalMaxPooling1D,
    L.GlobalMaxPooling2D,
    L.GlobalMaxPooling3D,
    L.Identity,
    L.RepeatVector,
    L.UpSampling1D,
    L.UpSampling3D,
)
WINDOWED = (
    L.AveragePooling1D,
    L.AveragePooling2D,
    L.AveragePooling3D,
    L.MaxPooling1D,
    L.MaxPooling2D,
    L.MaxPooling3D,
    L.ZeroPadding1D,
    L.ZeroPadding2D,
    L.ZeroPadding3D,
)
HOLDERS = ("_regularizer", "_constraint", "_initializer", "penalty")
WRAPPERS = (ScheduledPenalty, NoisyWeights, L.TimeDistributed)
ACTIVATIONS = (L.ReLU, L.LeakyReLU, L.ELU)


def kind_of(call: Call, graph: Graph, tolerance: float) -> Kind:
    """Returns what the layer of a call does with units.

    Args:
        call: One call of the layer.
        graph: The graph that it stands in.
        tolerance: Float >= 0. Weights up to this size count as zero.
    """
    whole = graph.layers[call.layer]
    layer = core(whole)
    if _is_special(whole) or _is_special(layer):
        return Opaque(layer, tolerance)
    return _class_of(layer, call, graph)(layer, tolerance)


def core(layer: Any) -> Any:
    """Returns what does the work in a wrapper that is not a kind, or `layer`.

    Penalties and noise on weights act in training only, and along the last
    axis it is all one whether time steps come one by one.
    """
    is_wrapper = isinstance(layer, WRAPPERS)
    if is_wrapper and not has_named_layers(layer.layer):
        return layer.layer
    return layer


def _class_of(layer: Any, call: Call, graph: Graph) -> type[Kind]:
    shapes = [graph.shapes.get(t, ()) for t in (*call.inputs, call.output())]
    counts = [channels(t, graph.shapes) for t in (*call.inputs, call.output())]
    if not all(counts) or _is_channels_first(layer):
        return Opaque
    if len(call.inputs) == 1:
        kind = operation_kind(layer, call, shapes, counts)
        return kind or _single(layer, shapes, counts)
    return _joined(layer, shapes, counts)


def _single(layer: Any, shapes: list[tuple], counts: list[int]) -> type[Kind]:
    cls = type(layer)
    mixing = mixing_kind(layer)
    if mixing is not None:
        return mixing
    if cls in (L.DepthwiseConv1D, L.DepthwiseConv2D):
        # A user's own activation may look across the channels.
        known = activation_name(layer.activation) in ELEMENTWISE
        return Depthwise if known else Opaque
    if cls is L.BatchNormalization:
        is_last = layer.axis in (-1, len(shapes[0]) - 1)
        return BatchNormalized if is_last else Opaque
    if cls is L.LayerNormalization:
        last = len(shapes[0]) - 1
        is_whole = any(axis in (-1, last) for axis in layer.axis)
        # Deprecated: it does not centre, so that constants stay what they are.
        is_uncentred = getattr(layer, "rms_scaling", False)
        return Opaque if is_whole or is_uncentred else NormalizedByChannel
    if (
        cls is L.Rescaling
        and np.ndim(layer.scale) == np.ndim(layer.offset) == 0
    ):
        return Affine
    if cls is FeatureGate:
        return Gated
    if cls is L.PReLU:
        return Sloped
    if cls in (L.Normalization, L.Rescaling):
        return Rescaled if counts[0] == counts[1] else Opaque
    if cls in (L.Flatten, L.Reshape):
        return _relaid(shapes, counts)
    if cls in ACTIVATIONS or _is_elementwise(layer):
        return Elementwise
    if cls in WINDOWED:
        return Windowed
    if (
        cls in SAME
        or cls is L.UpSampling2D
        and layer.interpolation == "nearest"
    ):
        return Free
    if is_noise(layer) and _is_even(layer):
        return Free
    if cls is L.Permute and layer.dims[-1] == len(layer.dims):
        return Free
    return Opaque


def _joined(layer: Any, shapes: list[tuple], counts: list[int]) -> type[Kind]:
    name = type(layer).__name__
    if not (type(layer).__module__ or "").startswith("keras."):
        return Opaque
    same_rank = len({len(shape) for shape in shapes}) == 1
    if name in MERGES and same_rank and len(set(counts)) == 1:
        return Merged
    if name == "Concatenate" and same_rank:  # layer or operation
        return Concatenated
    return Opaque


def _relaid(shapes: list[tuple], counts: list[int]) -> type[Kind]:
    if counts[0] == counts[1]:
        return Flattened  # the channels stay together
    if 2 not in (len(shapes[0]), len(shapes[1])):
        return Opaque
    return Opaque if max(counts) % min(counts) else Flattened


def _is_elementwise(layer: Any) -> bool:
    if type(layer) is L.Activation:
        return activation_name(layer.activation) in ELEMENTWISE
    return operation_name(layer) in ELEMENTWISE


def _is_even(layer: Any) -> bool:
    """Tells whether noise has no shape that names a number of channels."""
    shape = getattr(layer, "noise_shape", None)
    return shape is None or shape[-1] in (None, 1)


def _is_channels_first(layer: Any) -> bool:
    return getattr(layer, "data_format", None) == "channels_first"


def _is_special(layer: Any) -> bool:
    """Tells whether a layer has more to it than its class says."""
    if has_named_layers(layer):
        return True
    if getattr(layer, "quantization_mode", None):
        return True
    if getattr(layer, "lora_enabled", False):
        return True
    # On Torch, penalties that are layers are kept apart.
    attributes = {**vars(layer), **vars(layer).get("_modules", {})}
    held = [
        value.get_config()
        for name, value in attributes.items()
        if name.endswith(HOLDERS) and hasattr(value, "get_config")
    ]
    return any(_holds_numbers(config) or _groups(config) for config in held)


def _groups(config: Any) -> bool:
    """Tells whether a config groups units: a rest of them is no group."""
    if isinstance(config, dict):
        size = config.get("group_size", 1)
        return size != 1 or any(map(_groups, config.values()))
    return isinstance(config, (list, tuple)) and any(map(_groups, config))


def _holds_numbers(config: Any) -> bool:
    """Tells whether a config holds an array: it would have to shrink too."""
    if isinstance(config, dict):
        return any(_holds_numbers(value) for value in config.values())
    if isinstance(config, np.ndarray) or ops.is_tensor(config):
        return len(config.shape) > 0
    if isinstance(config, (list, tuple)):
        return any(isinstance(v, float) or _holds_numbers(v) for v in config)
    return False

"""`strengths` and `set_strengths`: every Strength of a model, by its path."""

import fnmatch
import html
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

from kreg._structure import is_penalty, walk
from kreg._validation import check_layer
from kreg.strength import Strength

T = TypeVar("T")


class Strengths(dict[str, Strength]):
    """An ordered mapping `path -> Strength` that shows itself as a table."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        lines = [
            f"  {path:<{width}}  {s.last_known:g}{_profile(s)}"
            for path, s in self.items()
        ]
        return "\n".join(["Strengths:", *lines] if lines else ["No strengths."])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{html.escape(path)}</code></td>"
            f"<td>{s.last_known:g}</td>"
            f"<td>{html.escape(_profile(s).strip())}</td></tr>"
            for path, s in self.items()
        )
        head = "<tr><th>strength</th><th>value</th><th>schedule</th></tr>"
        return f"<table>{head}{rows}</table>"


def strengths(model: Any) -> Strengths:
    """Finds every Strength of a model.

    Paths follow the structure of the model: names of layers in Sequential and
    Functional models, names of attributes elsewhere (without leading
    underscores). They are the same before and after saving and loading.

    A penalty that was given to two layers stands at both, with a warning:
    Keras makes two independent penalties of it when the model is loaded or
    cloned.

    Args:
        model: A Keras model or layer.

    Returns:
        Ordered dict of `path -> Strength`, outer layers before inner ones.

    Raises:
        TypeError: If `model` is not a Keras 3 model or layer.
        RuntimeError: If a Strength of the model has no path, or two have the
            same one.

    Example:

    >>> model = keras.Sequential([
    ...     keras.layers.Dense(
    ...         4, kernel_regularizer=kreg.regularizers.L2(1e-4), name="d"
    ...     ),
    ...     kreg.layers.ScheduledDropout(0.5, name="drop"),
    ... ])
    >>> kreg.strengths(model)
    Strengths:
      d/kernel_regularizer/l2  0.0001
      drop/rate                0.5
    """
    check_layer(model, "model")
    found = Strengths()
    places: dict[int, list[str]] = {}
    for path, layer in walk(model):
        if is_penalty(layer):
            places.setdefault(id(layer), []).append(path)
        for attribute, strength in vars(layer).items():
            if isinstance(strength, Strength):
                name = attribute.lstrip("_")
                _add(found, f"{path}/{name}" if path else name, strength)
    _refuse_missed(model, found)
    for shared in places.values():
        if len(shared) > 1:
            _warn_shared(shared)
    return found


def set_strengths(model: Any, values: Mapping[str, float]) -> None:
    """Sets several Strengths of a model, or none if one cannot be set.

    Args:
        model: A Keras model or layer.
        values: Mapping of paths, as in `kreg.strengths(model)`, to floats. A
            path may be a glob: `"*/l2"` is every L2 strength. Where two
            entries name the same Strength, the later one counts.

    Raises:
        TypeError: If `model` is not a Keras 3 model or layer.
        ValueError: If a path matches nothing, or a value is out of range.

    Example:

    >>> model = keras.Sequential([kreg.layers.ScheduledDropout(0.5, name="a")])
    >>> kreg.set_strengths(model, {"*/rate": 0.2})
    >>> kreg.strengths(model)["a/rate"].value
    0.2
    """
    found = strengths(model)
    assignments = [
        (strength, strength.check(value))
        for pattern, value in values.items()
        for strength in match(found, pattern).values()
    ]
    for strength, value in assignments:
        strength.assign(value)


def match(found: Mapping[str, T], pattern: str) -> dict[str, T]:
    """Returns the entries of `found` whose path is `pattern` or matches it.

    Raises:
        ValueError: If there is none; lists the paths that exist.
    """
    if pattern in found:
        return {pattern: found[pattern]}
    matched = {
        path: strength
        for path, strength in found.items()
        if fnmatch.fnmatchcase(path, pattern)
    }
    if not matched:
        raise ValueError(
            f"No strength matches the path {pattern!r}. Existing paths are: "
            f"{list(found)}"
        )
    return matched


def _add(found: Strengths, path: str, strength: Strength) -> None:
    if path in found and found[path] is not strength:
        raise RuntimeError(
            f"Two strengths of the model have the path {path!r}. Give the "
            "attributes that hold their layers different names."
        )
    found[path] = strength


def _refuse_missed(model: Any, found: Strengths) -> None:
    ids = {id(strength.variable) for strength in found.values()}
    missed = [
        variable.path
        for variable in model.variables
        if hasattr(variable, "kreg_strength") and id(variable) not in ids
    ]
    if missed:
        raise RuntimeError(
            f"No path leads to the strengths {missed} of the model. Hold the "
            "layers they belong to in attributes, lists or dicts of the "
            "layers around them."
        )


def _warn_shared(paths: list[str]) -> None:
    warnings.warn(
        f"One penalty is shared by {paths}. It has one strength now, but "
        "loading or cloning the model makes independent penalties of it; "
        "give each layer its own.",
        stacklevel=3,
    )


def _profile(strength: Strength) -> str:
    if strength.schedule is None:
        return ""
    return f"  x {type(strength.schedule).__name__}"

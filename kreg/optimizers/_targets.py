"""Which weights the penalties of an optimizer act on."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kreg._structure import is_penalty, walk
from kreg._validation import fail
from kreg.regularizers import Penalty

# Shifts and scales, which a penalty is not meant for unless they are named.
_SPARED = {"bias", "beta", "gamma", "scale", "log_alpha"}


def assign(
    penalty: Penalty | Mapping[str, Penalty],
    variables: Sequence[Any],
    only: Any,
    exclude: Any,
) -> list[tuple[Any, Penalty]]:
    """Returns `(variable, penalty)` for each variable that has one.

    Args:
        penalty: One penalty, or a mapping from patterns to penalties, of
            which the first that matches counts.
        variables: The trainable variables.
        only: Checked selection: no other variables.
        exclude: Checked selection: none of these.

    Raises:
        ValueError: If a pattern matches nothing, nothing is left, or a
            penalty cannot act on a variable.
    """
    # Scales of float8 training, for which Keras passes new values off as
    # gradients, are no weights.
    variables = [
        variable
        for variable in variables
        if not getattr(variable, "overwrite_with_gradient", False)
    ]
    if not variables:  # a frozen model, which Keras trains with a warning
        return []
    paths = [variable.path for variable in variables]
    for name, patterns in (("only", only), ("exclude", exclude)):
        if isinstance(patterns, tuple):
            for pattern in patterns:
                if not any(matches(path, pattern) for path in paths):
                    _fail_unmatched(name, pattern, paths)
    found: list[tuple[Any, Penalty]] = []
    choices = penalty if isinstance(penalty, Mapping) else {"": penalty}
    used = set()
    for variable in variables:
        if exclude is not None and _selects(exclude, variable):
            continue
        if only is not None and not _selects(only, variable):
            continue
        for pattern, chosen in choices.items():
            if pattern and not matches(variable.path, pattern):
                continue
            if _is_meant(variable, only, pattern):
                found.append((variable, chosen))
                used.add(pattern)
            break
    for pattern in choices:
        if pattern not in used:
            _fail_unmatched("penalty", pattern, paths)
    for variable, chosen in found:
        _check(variable, chosen)
    return found


def matches(path: str, pattern: str) -> bool:
    """Tells whether `pattern` names `path` or some of its parts.

    `"dense"` matches all weights of the layer `dense`, `"kernel"` all
    kernels, `"dense/kernel"` or `"encoder/*/kernel"` what they say.
    """
    return fnmatch.fnmatchcase(f"/{path}/", f"*/{pattern}/*")


def _selects(selection: Any, variable: Any) -> bool:
    if callable(selection):
        return bool(selection(variable))
    return any(matches(variable.path, pattern) for pattern in selection)


def _is_meant(variable: Any, only: Any, pattern: str) -> bool:
    """Whether a shift or scale is named; everything else is meant anyway."""
    if variable.name not in _SPARED or callable(only):
        return True
    patterns = [pattern, *(only or ())]
    return any(variable.name in p.rsplit("/", 1)[-1] for p in patterns)


def _check(variable: Any, penalty: Penalty) -> None:
    penalty.check_shape(tuple(variable.shape))
    constraint = variable.constraint
    # Without its negative weights, a group has its prox in the same place; a
    # matrix of the same singular values has not.
    by_weight = penalty.prox_steps == "array"
    is_fine = by_weight and isinstance(constraint, keras.constraints.NonNeg)
    if constraint is not None and not is_fine:
        fail(
            "penalty",
            f"weights without a constraint{' other than NonNeg' * by_weight}",
            variable.path,
            f"It has the constraint {type(constraint).__name__}; exclude it, "
            "for a proximal step and that constraint do not go together",
        )
    regularizer = variable.regularizer
    if is_penalty(regularizer):
        in_loss = {id(layer) for _, layer in walk(regularizer)}
        if any(id(layer) in in_loss for _, layer in walk(penalty)):
            fail(
                "penalty",
                "a penalty that is not in the loss as well",
                penalty,
                f"It is the regularizer of {variable.path!r}; give the "
                "optimizer a penalty of its own",
            )


def _fail_unmatched(name: str, pattern: str, paths: list[str]) -> None:
    fail(
        name,
        "patterns that match a trainable weight (biases and scales only by "
        "their name) which no earlier one has taken",
        pattern,
        f"The weights are: {paths}",
    )

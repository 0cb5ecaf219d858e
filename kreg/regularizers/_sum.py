"""Sum: several penalties on one weight."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kreg._numerics import cast_like, soft_threshold, widened
from kreg._registration import register
from kreg._validation import fail
from kreg.regularizers._groups import Grouped
from kreg.regularizers._penalty import Penalty
from kreg.regularizers._ridge import L2
from kreg.regularizers._separable import Separable


@register
class Sum(Penalty):
    """Penalizes a weight by several penalties at once.

    The penalty is

        penalties[0](x) + penalties[1](x) + ...

    Its proximal operator exists in closed form for `L1`, `L2` and elastic
    nets in any number, with at most one group lasso beside them; and for one
    `NuclearNorm` or `SpectralNorm` beside plain `L2`.

    Args:
        penalties: Sequence of kreg penalties, each an object of its own.

    Call arguments:
        x: Float tensor that all of them take.

    Returns:
        Scalar tensor, float32 or wider.

    Raises:
        ValueError: If `penalties` is empty, or one is no kreg penalty or
            stands there twice.

    Example:

    >>> penalty = kreg.regularizers.Sum(
    ...     [kreg.regularizers.L2(0.5), kreg.regularizers.GroupLasso(0.1)]
    ... )
    >>> float(penalty(np.array([[3.0], [-4.0]], "float32")))  # 12.5 + 0.7
    13.199999809265137
    >>> penalty.prox_steps
    'array'

    References:

    - [Yu, 2013](https://papers.nips.cc/paper/2013/hash/49ae49a23f67c759bf4fc791ba842aa2-Abstract.html) (proximal operators of sums)
    """  # noqa: E501

    def __init__(self, penalties: Sequence[Any]):
        super().__init__()
        self.penalties = _checked(penalties)

    def penalty(self, x: Any) -> Any:
        """Returns the penalty of `x`."""
        first, *rest = (penalty.penalty(x) for penalty in self.penalties)
        return sum(rest, start=first)

    @property
    def prox_steps(self) -> str | None:  # type: ignore[override]
        """Step sizes that `prox` takes; `None` if it has no closed form."""
        separable, others = self._kinds()
        if len(others) > 1:
            return None
        if not others or isinstance(others[0], Grouped):
            return "array"
        plain = all(isinstance(p, L2) and not p.factors for p in separable)
        return "scalar" if plain and others[0].prox_steps else None

    def prox(self, w: Any, step_size: Any) -> Any:
        """Returns the `u` that minimizes the penalty near `w`.

        The squares change the metric and the point, the absolute values are a
        soft threshold, and the remaining penalty does the rest.

        Args:
            w: Float tensor.
            step_size: As `prox_steps` says.

        Returns:
            Tensor of the shape and dtype of `w`.

        Raises:
            NotImplementedError: If the sum has no closed form.
        """
        if self.prox_steps is None:
            return super().prox(w, step_size)
        given = ops.convert_to_tensor(w)
        w = widened(given)
        step = cast_like(step_size, w)
        separable, others = self._kinds()
        parts = [penalty.parts(w) for penalty in separable]
        squares = [cast_like(b, w) for _, b in parts if b is not None]
        if squares:
            shrinkage = 1.0 + 2.0 * step * sum(squares)
            w, step = w / shrinkage, step / shrinkage
        for a, _ in parts:
            if a is not None:
                w = soft_threshold(w, step * cast_like(a, w))
        stepped = others[0].prox(w, step) if others else w
        return cast_like(stepped, given)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` if one of the penalties cannot take `shape`."""
        for penalty in self.penalties:
            penalty.check_shape(shape)

    def _kinds(self) -> tuple[list[Any], list[Any]]:
        """The separable penalties, and the others; sums are taken apart."""
        separable: list[Any] = []
        others: list[Any] = []
        for penalty in self.penalties:
            if isinstance(penalty, Sum):
                inner = penalty._kinds()
                separable += inner[0]
                others += inner[1]
            elif isinstance(penalty, Separable):
                separable.append(penalty)
            else:
                others.append(penalty)
        return separable, others

    def get_config(self) -> dict[str, Any]:
        """Returns the penalties, with their current strengths."""
        serialize = keras.saving.serialize_keras_object
        return {"penalties": [serialize(p) for p in self.penalties]}


def _checked(penalties: Any) -> list[Penalty]:
    given = [
        keras.saving.deserialize_keras_object(p) if isinstance(p, dict) else p
        for p in (penalties if isinstance(penalties, (list, tuple)) else ())
    ]
    are_penalties = all(isinstance(p, Penalty) for p in given)
    if not (given and are_penalties and len(set(map(id, given))) == len(given)):
        fail(
            "penalties",
            "a non-empty sequence of distinct kreg penalties",
            penalties,
        )
    return given

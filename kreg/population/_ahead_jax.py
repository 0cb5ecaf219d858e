"""A jitted function that can be compiled before it is called."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


class Ahead:
    """`jax.jit` of a function, which remembers what was compiled ahead.

    Args:
        function: The function.
        **options: Options of `jax.jit`.
    """

    def __init__(self, function: Callable[..., Any], **options: Any):
        self._jitted = jax.jit(function, **options)
        self._compiled: dict[Any, Any] = {}

    def ahead(self, *arguments: Any) -> Callable[[], None]:
        """Traces; returns what compiles for such arguments, in any thread."""
        lowered = self._jitted.lower(*arguments)
        key = _shapes(arguments)

        def compiles() -> None:
            self._compiled[key] = lowered.compile()

        return compiles

    def __call__(self, *arguments: Any) -> Any:
        found = self._compiled and self._compiled.get(_shapes(arguments))
        return (found or self._jitted)(*arguments)


def _shapes(arguments: Any) -> Any:
    leaves, tree = jax.tree.flatten(arguments)
    return tree, tuple((jnp.shape(a), jnp.result_type(a)) for a in leaves)

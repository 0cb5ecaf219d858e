"""Whether JAX would take a value for a constant of the step it compiles."""

from typing import Any


def is_frozen(value: Any, predictions: Any) -> bool:
    """Tells whether `predictions` are differentiated and `value` is not traced.

    Keras also traces a loss to learn its shape, with all variables as they
    are. That is no training step, so nothing is differentiated there.
    """
    import jax

    return _is_differentiated(predictions) and not isinstance(
        value, jax.core.Tracer
    )


def _is_differentiated(x: Any) -> bool:
    """Tells whether a gradient is being taken through `x`.

    JAX runs the derivative rule of a function then, and only then.
    """
    import jax

    ran = []

    @jax.custom_jvp
    def identity(x: Any) -> Any:
        return x

    @identity.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        ran.append(True)
        return primals[0], tangents[0]

    identity(x)
    return bool(ran)

"""Whether JAX would take a value for a constant of the step it compiles."""

from typing import Any


def is_frozen(value: Any, predictions: Any) -> bool:
    """Tells whether `predictions` are differentiated and `value` is not traced.

    Keras also traces a loss to learn its shape, with all variables as they
    are. That is no training step, so nothing is differentiated there.
    """
    import jax
    from jax.interpreters.partial_eval import DynamicJaxprTracer

    is_training = isinstance(predictions, jax.core.Tracer) and not isinstance(
        predictions, DynamicJaxprTracer
    )
    return is_training and not isinstance(value, jax.core.Tracer)

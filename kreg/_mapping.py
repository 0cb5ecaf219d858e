"""Whether the code being traced runs once for many models at a time.

A population maps one model's arithmetic over all its trials. TensorFlow has
no mapped form of some operations and would loop over the trials for them;
code that knows another way asks here.
"""

import contextlib
import contextvars
from collections.abc import Iterator

_MAPPED = contextvars.ContextVar("kreg_mapped", default=False)


def is_mapped() -> bool:
    """Tells whether what is being traced is mapped over trials."""
    return _MAPPED.get()


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Says so, for the duration of a `with` block."""
    token = _MAPPED.set(True)
    try:
        yield
    finally:
        _MAPPED.reset(token)

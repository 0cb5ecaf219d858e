"""Imports Keras, or says what to install when its backend is missing."""

import os

try:
    import keras as keras
except ModuleNotFoundError as error:
    missing = (error.name or "").split(".")[0]
    if missing not in ("tensorflow", "jax", "torch"):
        raise
    raise ModuleNotFoundError(
        f"kreg needs a Keras backend, and '{missing}' is not installed. "
        "Install one with `pip install 'kreg[tensorflow]'`, `'kreg[jax]'` or "
        "`'kreg[torch]'`, and tell Keras which to use with the environment "
        "variable KERAS_BACKEND (now "
        f"{os.environ.get('KERAS_BACKEND', 'unset: tensorflow')!r}).",
        name=missing,
    ) from error

"""Keras optimizers followed by an exact proximal step."""

from kreg.optimizers._proximal import Proximal as Proximal

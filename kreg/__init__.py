"""kreg: regularization for Keras 3.

Regularization strength is state, not a constant: every lambda and every rate
is a `kreg.Strength`, a variable that `fit` obeys, callbacks steer, models save
and tuners search.
"""

import importlib
import importlib.metadata
from typing import Any

from kreg import _backend as _backend  # first: explains a missing backend
from kreg import callbacks as callbacks
from kreg import diagnosis as diagnosis
from kreg import layers as layers
from kreg import losses as losses
from kreg import optimizers as optimizers
from kreg import population as population
from kreg import regularizers as regularizers
from kreg import schedules as schedules
from kreg._strengths import set_strengths as set_strengths
from kreg._strengths import strengths as strengths
from kreg.layers._mc_predict import mc_predict as mc_predict
from kreg.strength import Strength as Strength
from kreg.transforms import compact as compact
from kreg.transforms import importance as importance
from kreg.transforms import regularize as regularize

__version__ = importlib.metadata.version("kreg")

# These import KerasTuner or a plotting library, so they load on first use.
_LAZY = ("reports", "tuners")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"kreg.{name}")
    raise AttributeError(f"module 'kreg' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

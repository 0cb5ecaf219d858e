"""Models around a model, which change how `fit` trains it."""

from kreg.models._mixed import Mixed as Mixed
from kreg.models._r_drop import RDrop as RDrop

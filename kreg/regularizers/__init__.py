"""Penalties on weights and activities, with strengths that are state."""

from kreg.regularizers._norms import L1 as L1
from kreg.regularizers._norms import L1L2 as L1L2
from kreg.regularizers._norms import L2 as L2
from kreg.regularizers._penalty import Penalty as Penalty

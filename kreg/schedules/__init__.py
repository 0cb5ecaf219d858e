"""Dimensionless profiles of the training step: *when* a strength acts."""

from kreg.schedules._curriculum import Exponential as Exponential
from kreg.schedules._profile import Profile as Profile
from kreg.schedules._profile import get as get
from kreg.schedules._ramps import Anneal as Anneal
from kreg.schedules._ramps import Cosine as Cosine
from kreg.schedules._ramps import Polynomial as Polynomial
from kreg.schedules._ramps import Ramp as Ramp
from kreg.schedules._switches import Constant as Constant
from kreg.schedules._switches import Early as Early
from kreg.schedules._switches import Late as Late
from kreg.schedules._switches import Piecewise as Piecewise

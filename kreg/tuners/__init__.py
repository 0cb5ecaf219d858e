"""Search for strengths and rates, on KerasTuner."""

from kreg.tuners._space import RegularizationSpace as RegularizationSpace
from kreg.tuners._verdicts import verdicts as verdicts

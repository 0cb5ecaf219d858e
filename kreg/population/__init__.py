"""Many variants of one model, trained in one graph."""

from kreg.population._feeding import folds as folds
from kreg.population._path_result import StrengthPath as StrengthPath
from kreg.population._population import Population as Population
from kreg.population._population_based_training import (
    PopulationBasedTraining as PopulationBasedTraining,
)
from kreg.population._programs import Programs as Programs
from kreg.population._refusal import NotStackable as NotStackable
from kreg.population._strength_path import strength_path as strength_path

"""Search for strengths and rates, on KerasTuner.

Whatever a KerasTuner script uses is here under the same name, so that
`import keras_tuner` may become `from kreg import tuners as keras_tuner`.
"""

import sys

from keras_tuner import HyperModel as HyperModel
from keras_tuner import HyperParameters as HyperParameters
from keras_tuner import Objective as Objective
from keras_tuner import Oracle as Oracle
from keras_tuner import SklearnTuner as SklearnTuner
from keras_tuner import Tuner as Tuner
from keras_tuner import __version__ as __version__
from keras_tuner import applications as applications
from keras_tuner import engine as engine
from keras_tuner import errors as errors
from keras_tuner import oracles as oracles
from keras_tuner import synchronized as synchronized

from kreg.tuners._bayesian_optimization import (
    BayesianOptimization as BayesianOptimization,
)
from kreg.tuners._grid_search import GridSearch as GridSearch
from kreg.tuners._hyperband import Hyperband as Hyperband
from kreg.tuners._random_search import RandomSearch as RandomSearch
from kreg.tuners._results import TrialResult as TrialResult
from kreg.tuners._space import RegularizationSpace as RegularizationSpace
from kreg.tuners._verdicts import verdicts as verdicts

tuners = sys.modules[__name__]  # as in `keras_tuner.tuners.RandomSearch`

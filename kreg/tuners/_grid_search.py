"""`GridSearch`."""

from typing import Any

import keras_tuner

from kreg.tuners import _argument_checks, _checks, _oracles
from kreg.tuners._wave_tuner import WaveTuner


class GridSearch(WaveTuner, keras_tuner.GridSearch):
    """KerasTuner's grid search, many trials at once.

    A range without `step` is taken at ten values.

    Args:
        hypermodel: Function of `hp` that returns a compiled model, or a
            `keras_tuner.HyperModel`.
        objective: The key of the logs to choose by, or a
            `keras_tuner.Objective`, or a list of them. Defaults to
            `"val_data_loss"`, the validation loss without penalties, which is
            to be small. (`val_loss` contains the penalties: choosing a lambda
            by it favours small ones.)
        max_trials: Optional integer. How many points to try; all by default.
        seed: Optional integer. Seeds the choice of trials, the folds and every
            model.
        hyperparameters: Optional `keras_tuner.HyperParameters`, as in
            KerasTuner; so are `tune_new_entries` and `allow_new_entries`.
        tune_new_entries: Boolean.
        allow_new_entries: Boolean.
        max_retries_per_trial: Integer >= 0. Tries of a trial that failed.
        max_consecutive_failed_trials: Integer. The search ends with an error
            when so many trials in a row have raised one. Those whose objective
            became NaN do not count.
        population: Integer >= 1: how many models to train at once where they
            can be; or `"auto"`: as many as fit the device.
        folds: Optional integer >= 2. Cross-validation: each trial is trained
            once for every fold of `x` and `y` and scored by the mean. A fold
            validates on `n // folds` of the `n` samples.
        select: `"best"`, or `"one_standard_error"`: the most regularized trial
            within one standard error of the best over folds or executions is
            the one that `get_best_models` and `get_best_hyperparameters`
            return first.
        **kwargs: Arguments of `keras_tuner.Tuner`: `directory`,
            `project_name`, `overwrite`, `executions_per_trial`, ...

    Raises:
        ValueError: If an argument is not as described, or the project's folder
            holds another search.

    Example:

    >>> import tempfile
    >>> def build_model(hp):
    ...     space = kreg.tuners.RegularizationSpace(hp)
    ...     layers = [space.dropout("in"), keras.layers.Dense(1)]
    ...     model = keras.Sequential(layers)
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> x, y = np.random.rand(32, 4), np.random.rand(32, 1)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     tuner = kreg.tuners.GridSearch(
    ...         build_model, max_trials=2, directory=directory
    ...     )
    ...     tuner.search(x, y, validation_split=0.5, verbose=0)
    ...     best = tuner.get_best_hyperparameters()[0]
    >>> 0 <= best.get("in/rate") <= 0.7
    True
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = "val_data_loss",
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        population: Any = "auto",
        folds: int | None = None,
        select: str = "best",
        **kwargs: Any,
    ):
        _argument_checks.check_oracle(
            max_trials,
            max_retries_per_trial,
            max_consecutive_failed_trials,
            seed,
            hyperparameters,
        )
        self.seed = seed
        self._open(
            _oracles.GridSearchOracle(
                objective=_checks.with_direction(objective),
                max_trials=max_trials,
                seed=seed,
                hyperparameters=hyperparameters,
                tune_new_entries=tune_new_entries,
                allow_new_entries=allow_new_entries,
                max_retries_per_trial=max_retries_per_trial,
                max_consecutive_failed_trials=max_consecutive_failed_trials,
            ),
            hypermodel,
            population,
            folds,
            select,
            **kwargs,
        )

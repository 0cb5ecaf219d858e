"""`Population`: many variants of one model, trained as one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kreg._validation import check_count, check_whole, fail
from kreg.population import _building, _initial, _measuring
from kreg.population._callbacks import TrialCallbacks, for_each
from kreg.population._data import Arrays
from kreg.population._feeding import Feed
from kreg.population._fit_checks import check_numbers
from kreg.population._fitting import EpochHook, Fitting, history_of
from kreg.population._options import jit_options
from kreg.population._programs import Programs, check_programs
from kreg.population._snapshot import Snapshot, keeping
from kreg.population._trial_model import Loader
from kreg.population._trials import Trials


class Population:
    """K variants of one model, trained together in one compiled graph.

    Models that differ in nothing but strengths, label smoothing, learning
    rate, weights and seeds have the same graph. A population stacks what
    differs along a leading axis and trains all in one function that runs a
    whole epoch. The same batches go to every trial, and each ends as it would
    have alone.

    Penalties and dropout layers of Keras are turned into kreg's on the way.
    Random generators that are in the same state in all trials (as in models
    built from one seed) are drawn from once: each trial applies its own rate
    to the same random numbers, which is cheaper and compares more sharply.

    TensorFlow and JAX. On TensorFlow the optimizer must work element by
    element (SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, Lion,
    Ftrl); on JAX it may be any.

    Args:
        models_or_build: List of compiled Keras models of one architecture; or
            a function without arguments that returns such a model, for use
            with `values`.
        values: With a function: mapping of paths or globs of Strengths (as in
            `kreg.strengths(model)`), or `"learning_rate"`, to a sequence of
            one float for each trial. All trials then begin with the weights
            of one model.
        seed: Integer. Seed of the order of the samples, and of the model that
            the function builds. Defaults to `0`.
        jit_compile: Boolean, `"try"` (if XLA can) or `"auto"`: whether XLA
            compiles on TensorFlow. Defaults to `"auto"`: `"try"`, on a GPU.
        programs: Optional `Programs` to share with other populations, so that
            one architecture is traced once; one at a time may be in `fit`.

    Raises:
        NotStackable: If such models cannot be trained as one (a `ValueError`).
        ValueError: If the models differ in more than strengths and learning
            rates, or there are none, or `values` do not fit.

    Example:

    >>> def build():
    ...     penalty = kreg.regularizers.L2(0.0)
    ...     model = keras.Sequential([
    ...         keras.Input((4,)),
    ...         keras.layers.Dense(1, kernel_regularizer=penalty, name="d"),
    ...     ])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x, y = np.random.rand(64, 4), np.random.rand(64, 1)
    >>> population = kreg.population.Population(
    ...     build, {"*/l2": [0.0, 0.01, 0.1]}
    ... )
    >>> histories = population.fit(x, y, validation_split=0.5, epochs=2)
    >>> [len(history["val_data_loss"]) for history in histories]
    [2, 2, 2]
    >>> kreg.strengths(population.unstack(1))["d/kernel_regularizer/l2"].value
    0.01
    """

    def __init__(
        self,
        models_or_build: Sequence[Any] | Callable[[], Any],
        values: Mapping[str, Sequence[float]] | None = None,
        seed: int = 0,
        jit_compile: bool | str = "auto",
        programs: Programs | None = None,
    ):
        self.seed = check_whole(seed, "seed")
        check_programs(programs)
        build: Callable[[], Any] | None = None
        if callable(models_or_build) and not isinstance(
            models_or_build, keras.Model
        ):
            self.size = _building.count_of(values)
            build = models_or_build
            models = [_building.built_once(models_or_build, seed)]
        else:
            models = _building.built_models(models_or_build, values)
            self.size = len(models)
        self._jit = jit_options(jit_compile)
        self._programs = programs or Programs()
        self.trials = Trials(models, build, values or {}, seed, self.size)
        self.logs: list[list[dict[str, float]]] = [[] for _ in range(self.size)]
        self.failures: dict[int, str] = {}
        self.best_epochs: dict[int, int] = {}

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int = 0,
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        splits: Sequence[tuple[Any, Any]] | None = None,
        keep_best: str | None = None,
        mode: str = "min",
        snapshot: str | None = None,
        on_epoch_end: EpochHook | None = None,
    ) -> list[dict[str, list[float]]]:
        """Trains all trials, as `keras.Model.fit` would train each.

        The logs of a trial are those of `fit` and, as `OverfitMonitor` adds
        them, `penalty` and `val_data_loss` (the validation loss without
        penalties); `data_loss` is the training loss without penalties.

        A trial whose loss is not finite after an epoch stops; `failures` says
        so, and the others do not notice.

        Args:
            x: Arrays, or a dataset, `PyDataset`, loader or generator of
                batches, which then all trials share.
            y: Targets, for arrays.
            batch_size: Integer >= 1. Defaults to `32`.
            epochs: Integer. Number of the last epoch.
            verbose: 0, or 1 for one line an epoch.
            callbacks: Callbacks for each trial to have a copy of, called at
                the ends of its epochs with its own logs and a `model` with
                its weights; or a list of such lists, one for each trial.
                `EarlyStopping` and the like stop or steer their trial alone.
            validation_split: Float in [0, 1): share of the samples, the last,
                that are validated on.
            validation_data: Tuple `(x, y)` or `(x, y, sample_weight)`, or a
                dataset.
            shuffle: Boolean. Whether each epoch has a new order of samples,
                drawn from `seed` and the number of the epoch.
            class_weight: Optional mapping of class index to weight.
            sample_weight: Optional weights of the samples.
            initial_epoch: Integer. Number of the first epoch.
            steps_per_epoch: Integer. Batches in an epoch of a dataset.
            validation_steps: Integer. Likewise, for validation.
            validation_batch_size: Integer. Defaults to `1024`.
            validation_freq: Integer: validates every so many epochs; or a
                list of the epochs, counted from 1.
            splits: Instead of validation data: for each trial a tuple of the
                row numbers that it is trained and validated on; see `folds`.
            keep_best: Optional name of a log, such as `"val_data_loss"`. The
                weights of each trial's best epoch are kept for `unstack`.
            mode: `"min"` or `"max"`: which values of it are best.
            snapshot: Optional path of a file that tells the state of this
                training after each epoch, with two more beside it. If there
                is one, training goes on from it; callbacks then begin anew.
            on_epoch_end: Optional function of the number of an epoch and a
                dict of the logs of each trial that was trained in it.

        Returns:
            List of a history for each trial: a dict of lists.

        Raises:
            NotStackable: If the model cannot be mapped over trials.
            ValueError: If an argument does not fit.
        """
        arguments = {k: v for k, v in locals().items() if k != "self"}
        check_numbers(arguments)
        arguments["batch_size"] = 32 if batch_size is None else batch_size
        if mode not in ("min", "max"):
            fail("mode", '"min" or "max"', mode)
        each = for_each(callbacks, self.size)
        feed = Feed(self.seed, self.size, arguments)
        self.prepare(feed.training.example())
        resumed = None if snapshot is None else Snapshot(snapshot).read()
        if resumed is not None:
            self.trials.rows = resumed.rows
        own_data = feed.has_own_data
        stack = self.trials.stacked(self._programs, own_data, self._jit)
        params = {"verbose": verbose, "epochs": epochs, "steps": None}
        fitting = Fitting(
            stack,
            feed,
            TrialCallbacks(each, stack, Loader(self.trials.template), params),
            self.logs,
            self.failures,
        )
        first = initial_epoch if resumed is None else resumed.into(fitting)
        fitting.run(
            range(first, epochs),
            validation_freq,
            None if keep_best is None else (keep_best, mode),
            verbose,
            keeping(snapshot, fitting, on_epoch_end),
        )
        self.trials.take_over(stack)
        self.best_epochs.update(fitting.best_epochs)
        return self.histories

    @property
    def histories(self) -> list[dict[str, list[float]]]:
        """The history of each trial: a list for each key of its `logs`."""
        return [history_of(logs) for logs in self.logs]

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Each Strength's value, and the learning rate, for all trials."""
        return _initial.values_of(self.trials.template, self.trials.rows)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Sets Strengths or learning rates of all trials, or none.

        Args:
            values: Mapping as in the constructor.
        """
        self.trials.set_values(values)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        best: bool = False,
    ) -> dict[str, np.ndarray]:
        """Measures all trials at inference.

        Args:
            x: Arrays.
            y: Targets.
            sample_weight: Optional weights of the samples.
            best: Boolean. Whether to measure the weights of the best epochs.

        Returns:
            Dict of arrays: the logs of `evaluate`, and `data_loss`.
        """
        data = Arrays(x, y, sample_weight, 1024)
        self.prepare(data.example())
        results = _measuring.measured(self._engine(best), data)
        return {key: value[: self.size] for key, value in results.items()}

    def predict(self, x: Any, batch_size: int = 1024) -> Any:
        """Returns the outputs of all trials at inference.

        Args:
            x: Arrays.
            batch_size: Integer >= 1. Samples in one pass.

        Returns:
            Array `(trials, samples, ...)`, or a nested structure of them.
        """
        data = Arrays(x, None, None, check_count(batch_size, "batch_size"))
        outputs = _measuring.predicted(self._engine(best=False), data)
        return keras.tree.map_structure(lambda a: a[: self.size], outputs)

    def unstack(self, trial: int, best: bool = False) -> Any:
        """Returns one trial as an ordinary compiled Keras model.

        With its weights, its optimizer's state and its Strengths. It is the
        model that was given; or a new one, if a function built it or its
        Strengths have changed. Keras's penalties and dropout are Keras's again.

        Args:
            trial: Integer. Number of the trial.
            best: Boolean. Whether to take the weights of its best epoch, as
                `keep_best` of `fit` kept them.

        Raises:
            IndexError: If there is no such trial.
            ValueError: If no best epoch was kept.
        """
        return self.trials.unstacked(range(self.size)[trial], best)

    def prepare(self, example: Any) -> None:
        """Builds and stacks the models, if that is not done yet.

        Args:
            example: Tuple `(x, y, sample_weight)` of arrays of a few samples.
        """
        self.trials.prepare(example, self._programs)

    def _engine(self, best: bool) -> Any:
        return self.trials.engine(self._programs, best, self._jit)

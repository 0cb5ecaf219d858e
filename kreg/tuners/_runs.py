"""What a trainer is given, and what it gives back."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from kreg._structure import is_built
from kreg.diagnosis import Verdict
from kreg.tuners import _files

# Of one epoch of one run: what Keras calls `logs`.
Logs = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Paused:
    """What there is of a run that waits for others, to go on with them.

    Attributes:
        next_epoch: Integer. The epoch to go on with.
        state: File (`_snapshot`) of the state that it is in.
        logs: List of the logs of its epochs so far.
        generalization_gap: Float, at the best of these epochs, or `None`.
        strengths: Dict of the strengths that the model then had, by path.
        callbacks: Its callbacks, in training; `None` after a kill, when they
            begin anew.
    """

    next_epoch: int
    state: str
    logs: list[dict[str, float]]
    generalization_gap: float | None
    strengths: dict[str, float]
    callbacks: Any = None


@dataclasses.dataclass(eq=False)
class Run:
    """One training of one trial.

    A trial has several when it is executed several times, or on folds.

    Attributes:
        trial_id: String.
        hyperparameters: The trial's `keras_tuner.HyperParameters`.
        execution: Integer >= 0.
        fold: Integer >= 0, or `None`.
        rows: `None`, or two arrays of integers: the rows of the data to train
            on, and those to validate with.
        seed: Integer. Seed of initial weights, batches and noise.
        make_model: Function that returns the compiled model.
        callbacks: List of callbacks of this run alone.
        initial_epoch: Integer >= 0.
        epochs: Integer. The epoch to stop before.
        parent: File of a state (`_snapshot`) or of weights to go on from, or
            `None`.
        folder: The folder of the trial.
        weights: File to put the weights of the best epoch in.
        last: File to put the state after the last epoch in, or `None`.
        has_own_epochs: Boolean: whether the oracle has set the epochs.
        is_made_built: Boolean: whether models come out of `make_model` with
            their weights. Known once there was one.
        paused: `Paused` if it has trained up to some epoch, or `None`.
    """

    trial_id: str
    hyperparameters: Any
    execution: int
    fold: int | None
    rows: tuple[np.ndarray, np.ndarray] | None
    seed: int
    make_model: Callable[["Run"], Any]
    callbacks: list[Any]
    initial_epoch: int
    epochs: int
    parent: str | None
    folder: str
    weights: str
    last: str | None
    has_own_epochs: bool = False
    is_made_built: bool = False
    paused: Paused | None = None

    @functools.cached_property
    def model(self) -> Any:
        """The model, built when it is first asked for."""
        model = self.make_model(self)
        self.is_made_built = is_built(model)
        return model

    @property
    def next_epoch(self) -> int:
        """Integer: the epoch to train next."""
        return self.paused.next_epoch if self.paused else self.initial_epoch

    def release(self) -> None:
        """Lets go of the model and of what the callbacks hold of it."""
        self.forget_model()
        self.callbacks = []
        self.paused = None

    def forget_model(self) -> None:
        """Lets go of the model; a new one is built when it is asked for."""
        self.__dict__.pop("model", None)

    @property
    def name(self) -> str:
        """String that no other run of the search has."""
        fold = "" if self.fold is None else f"_{self.fold}"
        return f"{self.trial_id}_{self.execution}{fold}"

    def write_build_config(self, model: Any) -> None:
        """Writes what `load_model` needs to build a model without weights."""
        path = os.path.join(self.folder, "build_config.json")
        _files.write_json(path, model.get_build_config())


# Trials of an oracle, each with its runs.
Wave = list[tuple[Any, list[Run]]]


@dataclasses.dataclass
class Outcome:
    """What came of a run.

    Attributes:
        history: Dict of a list for each key of the logs, one number an epoch.
        best_epoch: Integer: the epoch whose weights were kept, as counted by
            `fit`.
        metrics: Dict: the logs of that epoch.
        message: What went wrong, or `None`.
        is_final: Whether another try is useless.
        generalization_gap: Float, at the best epoch, or `None`.
        verdict: `kreg.diagnosis.Verdict` or `None`.
        strengths: Dict of the strengths of the model, by path.
    """

    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    best_epoch: int = 0
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    message: str | None = None
    is_final: bool = False
    generalization_gap: float | None = None
    verdict: Verdict | None = None
    strengths: dict[str, float] = dataclasses.field(default_factory=dict)


class Trainer(Protocol):
    """Trains several runs. The first of a list that can train a run does."""

    def can_train(
        self, model: Any, callbacks: Sequence[Any], fit: Mapping[str, Any]
    ) -> str | None:
        """Returns `None`, or in a few words why it cannot."""

    def at_once(
        self, model: Any, fit: Mapping[str, Any], population: Any
    ) -> int:
        """Returns how many such models to train at once.

        Args:
            model: Compiled model.
            fit: The arguments of `search` for `model.fit`, by name.
            population: Integer >= 1: what the user wants; or `"auto"`.
        """

    def get_ready(
        self, runs: Sequence[Run], size: int, fit: Mapping[str, Any]
    ) -> None:
        """Does what can be done while the models of a wave are built.

        Args:
            runs: List of `Run`, the first of the wave, which have models.
            size: Integer. How many there will be.
            fit: The arguments of `search` for `model.fit`, by name.
        """

    def train(
        self,
        runs: Sequence[Run],
        until: int,
        fit: Mapping[str, Any],
        folder: str,
        on_epoch_end: Callable[[int, Sequence[Logs]], None],
    ) -> list[Outcome | Paused]:
        """Trains the runs, all from the same epoch on.

        Args:
            runs: List of `Run`.
            until: Integer. The epoch to stop before. A run that does not end
                there may pause, or be trained to its end.
            fit: The arguments of `search` for `model.fit`, by name.
            folder: Where to keep what is needed to go on after a kill. Is
                emptied when all trials of the wave are reported.
            on_epoch_end: To be called with the epoch and each run's logs.

        Returns:
            List of an `Outcome` for each run that ended, and a `Paused` for
            one that did not. The weights of the best epoch so far are in
            `run.weights` then.
        """

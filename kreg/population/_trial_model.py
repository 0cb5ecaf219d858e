"""`TrialModel`: the model that a callback of one trial sees."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kreg.population._rows import Rows
from kreg.population._template import Template


class Loader:
    """One model that holds the state of whichever trial is looked at.

    Args:
        template: `Template`; its own model is what callbacks see.
    """

    def __init__(self, template: Template):
        self.template = template
        self.model = template.model

    def load(self, row: Rows) -> None:
        """Gives the model the state of one trial."""
        for variables, values in self._pairs(row):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value[0])

    def dump(self) -> Rows:
        """Returns the state of the model as a row."""
        template = self.template
        lists = (
            template.weights,
            template.state,
            template.seeds,
            template.optimizer.variables,
        )
        return Rows(
            *(
                [ops.convert_to_numpy(v).copy()[None] for v in variables]
                for variables in lists
            )
        )

    def _pairs(self, row: Rows) -> Any:
        template = self.template
        return (
            (template.weights, row.weights),
            (template.state, row.state),
            (template.seeds, row.seeds),
            (template.optimizer.variables, row.optimizer),
        )


class TrialModel:
    """Stands for the model of one trial, and loads it when it is looked at.

    Most callbacks read `logs` alone; the state of a trial is fetched only for
    those that want the model.

    Args:
        load: Function without arguments that loads the trial into a Keras
            model and returns that.
    """

    __slots__ = ("_load", "stop_training")

    def __init__(self, load: Callable[[], Any]):
        self._load = load
        self.stop_training = False

    def jax_state_sync(self) -> None:
        """Does nothing: what is loaded is up to date."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # What checks for a Keras model gets one.
        return keras.Model

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return vars(self._load())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in TrialModel.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self._load(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._load(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._load()(*args, **kwargs)

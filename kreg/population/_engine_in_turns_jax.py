"""The program on JAX for models whose trials are quicker in turns."""

from typing import Any

import jax

from kreg.population._engine_jax import Engine
from kreg.population._in_turns_jax import InTurns, pays_for
from kreg.population._options import Options
from kreg.population._pooling_jax import quicken
from kreg.population._rows import Rows
from kreg.population._template import Template


class EngineInTurns(Engine):
    """The same where trials are quicker in turns: convolutions on a CPU."""

    def _compile(self) -> None:
        model, train = self._model_axes, self._train_axes
        size = self.size
        training = InTurns(self._train_counted, size, (train,), train)
        test = self._test_axes
        testing = InTurns(self._test_one, size, (test, 0), test)
        predicting = InTurns(self.forward.predict, size, model, 0)
        own = self.options.own_data

        def trained(carry: Any, data: Any, full: Any, rest: Any) -> Any:
            return training.batches((carry,), data, _listed(full, rest), own)

        def tested(
            carry: Any, weights: Any, data: Any, full: Any, rest: Any
        ) -> Any:
            batches = _listed(full, rest)
            return testing.batches((carry, weights), data, batches, own)

        self._train, self._test = trained, tested
        self._results = jax.jit(self._results_of_all)
        self._predict = predicting.each

    def ahead(self, train: Any, test: Any) -> Any:
        """Returns `None`: the trials share what is compiled for one."""
        return None

    def _train_counted(self, carry: Any, data: Any, rows: Any) -> Any:
        self.traces += 1
        return self._train_one(carry, data, rows)


def engine_for(template: Template, rows: Rows, options: Options) -> Engine:
    """Returns an engine of the kind that is quicker for the model."""
    if not pays_for(template.model):
        return Engine(template, rows, options)
    if template.model is not template.source:
        quicken(template.model)
    return EngineInTurns(template, rows, options)


def _listed(full: Any, rest: Any) -> list[Any]:
    """Returns the rows of all batches."""
    last = [] if rest is None else [rest]
    return [*([] if full is None else full), *last]

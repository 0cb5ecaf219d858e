"""Compiles for trials whose models are still being built."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kreg.population._feeding import Feed
from kreg.population._options import Options, jit_options
from kreg.population._population import Population
from kreg.population._programs import Programs


def traced_ahead(
    model: Any,
    size: int,
    seed: int,
    jit_compile: bool | str,
    programs: Programs,
    fit: Mapping[str, Any],
) -> Callable[[], Any] | None:
    """Traces the training of trials like one, and returns what compiles it.

    What compiles runs no Python of the model: another thread may, while this
    one builds the other models. `Population.fit` with the same programs then
    finds it compiled.

    Args:
        model: Built and compiled model of the first trial.
        size: Integer. Number of trials, all of whose random generators are in
            the state of the first one's.
        seed: Integer. As of the population to come.
        jit_compile: Likewise.
        programs: Likewise.
        fit: Arguments of `Population.fit`, by name.

    Returns:
        Function without arguments, to be called once; or `None` where nothing
        can be compiled ahead.
    """
    parameters = inspect.signature(Population.fit).parameters
    arguments = {name: p.default for name, p in parameters.items()}
    arguments = {**arguments, **fit}
    if not isinstance(arguments["validation_data"], (tuple, list)):
        arguments["validation_data"] = None  # what is streamed comes once
    arguments["batch_size"] = arguments["batch_size"] or 32
    feed = Feed(seed, 1, arguments)
    if feed.training.size is None:
        return None
    first = Population([model], seed=seed, programs=programs)
    first.prepare(feed.training.example())
    rows = first.trials.rows.repeated(size)
    options = Options(rows.seeds_are_shared, **jit_options(jit_compile))
    engine = programs.engine(first.trials.template, rows, options)
    train, test = next(feed.train(engine, 0, range(size))), None
    if feed.validation is not None:
        test = next(feed.validate(engine, range(size)))
    compiles: Callable[[], Any] | None = engine.ahead(train, test)
    return compiles

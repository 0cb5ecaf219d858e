"""`Programs`: graphs that are traced once and used by many populations."""

import math
from collections import OrderedDict
from typing import Any

import keras

from kreg._structure import walk
from kreg._validation import fail
from kreg.population._emptying import Emptied
from kreg.population._options import Options
from kreg.population._rows import Rows
from kreg.population._template import Template

# Architectures whose graphs are kept: those of a search come in turn.
_TEMPLATES = 8

# A thousand steps with so many weights more in matrices take about as long as
# compiling anew: two seconds.
_SPARE_WEIGHTS = 400_000


class Programs:
    """Keeps the templates, and their engines, of the last architectures.

    Give one to several populations of one architecture (as a search does):
    the first compiles, the others run what it compiled.

    Attributes:
        emptied: `Emptied`, for models of these architectures.
    """

    def __init__(self) -> None:
        self.emptied = Emptied()
        self._templates: OrderedDict[str, Template] = OrderedDict()
        self._engines: dict[tuple[str, Options], list[Any]] = {}

    def template(self, signature: str, make: Any) -> Template:
        """Returns the template of an architecture; `make()` where new."""
        if signature not in self._templates:
            self._templates[signature] = make()
            while len(self._templates) > _TEMPLATES:
                oldest, _ = self._templates.popitem(last=False)
                for key in [k for k in self._engines if k[0] == oldest]:
                    del self._engines[key]
        self._templates.move_to_end(signature)
        return self._templates[signature]

    def engine(self, template: Template, rows: Rows, options: Options) -> Any:
        """Returns an engine that holds `rows`, and maybe copies of the last.

        One that is up to twice as large serves, or a little larger if the
        model is small: compiling costs more than rows that nobody looks at.
        """
        engine = self._found(template, rows, options)
        if engine is None:
            return self._made(template, rows, options)
        engine.write(padded(rows, engine.size))
        return engine

    def measuring_engine(
        self, template: Template, rows: Rows, options: Options
    ) -> Any:
        """Returns an engine that holds `rows`, but their optimizers' state."""
        engine = self._found(template, rows, options)
        if engine is None:
            return self._made(template, rows, options)
        engine.show(padded(rows, engine.size))
        return engine

    def _found(self, template: Template, rows: Rows, options: Options) -> Any:
        engines = self._engines.get((template.signature, options), [])
        most = max(2 * rows.size, rows.size + _spare_rows(template))
        fitting = [e for e in engines if rows.size <= e.size <= most]
        return min(fitting, key=lambda engine: engine.size, default=None)

    def _made(self, template: Template, rows: Rows, options: Options) -> Any:
        engine = _engine_maker()(template, rows, options)
        key = (template.signature, options)
        self._engines.setdefault(key, []).append(engine)
        return engine

    def forget_larger_than(self, size: int) -> None:
        """Lets go of the engines of more rows."""
        for engines in self._engines.values():
            engines[:] = [e for e in engines if e.size <= size]

    @property
    def traces(self) -> int:
        """How often a training step was traced so far."""
        return sum(e.traces for held in self._engines.values() for e in held)


def padded(rows: Rows, size: int) -> Rows:
    """Returns `rows` with copies of the last up to `size`."""
    if rows.size == size:
        return rows
    index = [min(i, rows.size - 1) for i in range(size)]
    return rows.take(index)


def _spare_rows(template: Template) -> int:
    """Returns how many rows cost little, by the number of weights.

    A convolution or a recurrent layer uses each weight many times.
    """
    layers = [layer for _, layer in walk(template.model)]
    if any(isinstance(layer, keras.layers.RNN) for layer in layers):
        return 0
    if any(len(weight.shape) > 2 for weight in template.weights):
        return 0
    weights = sum(math.prod(weight.shape) for weight in template.weights)
    return _SPARE_WEIGHTS // max(weights, 1)


def _engine_maker() -> Any:
    if keras.backend.backend() == "jax":
        from kreg.population import _engine_in_turns_jax

        return _engine_in_turns_jax.engine_for
    from kreg.population import _engine_tensorflow

    return _engine_tensorflow.Engine


def check_programs(value: Any) -> None:
    """Raises `ValueError` unless `value` is `None` or a `Programs`."""
    if not isinstance(value, Programs | None):
        fail("programs", "`None` or a `Programs`", value)

"""The stacked program on JAX: one compiled function that trains all trials."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from kreg.population._ahead_jax import Ahead
from kreg.population._forward import Forward, Totals
from kreg.population._options import Options
from kreg.population._rows import Rows
from kreg.population._template import Template


class Engine:
    """K trials as stacked arrays, and the functions that move them on.

    Args:
        template: `Template` whose model and metrics are built.
        rows: `Rows` to begin with.
        options: `Options`.
    """

    def __init__(self, template: Template, rows: Rows, options: Options):
        self.size = rows.size
        self.options = options
        self.forward = Forward(template)
        self.optimizer = template.optimizer
        self.traces = 0
        self.weights: list[Any]
        self.state: list[Any]
        self.seeds: list[Any]
        self.optimizer_state: list[Any]
        self.write(rows)
        self._blank_metrics = [
            jnp.repeat(jnp.asarray(v.value)[None], self.size, 0)
            for v in self.forward.metrics
        ]
        self._kept: list[Any] | None = None
        self.reset_metrics()
        self._train: Any
        self._test: Any
        self._results: Any
        self._predict: Any
        self._compile()

    def _compile(self) -> None:
        self._train = Ahead(self._train_all, donate_argnums=0)
        self._test = Ahead(self._test_all)
        self._results = jax.jit(self._results_of_all)
        self._predict = jax.jit(self._predict_all)

    def reset_metrics(self) -> None:
        """Begins the sums of an epoch."""
        self.metrics = [jnp.array(blank) for blank in self._blank_metrics]
        self.totals = Totals(*(jnp.zeros(self.size) for _ in Totals._fields))

    def ahead(self, train: Any, test: Any) -> Any:
        """Traces `train`, and `test` if there is something to validate on.

        Returns:
            Function that compiles both, or `None`.
        """
        compile_train = self._train.ahead(self._carry, *train)
        if test is None:
            return compile_train
        compile_test = self._test.ahead(self._test_carry, self.weights, *test)
        return lambda: (compile_train(), compile_test())

    @property
    def _model(self) -> tuple[Any, ...]:
        return self.weights, self.state, self.seeds

    @property
    def _carry(self) -> tuple[Any, ...]:
        model = (*self._model, self.optimizer_state)
        return *model, self.metrics, self.totals

    @property
    def _test_carry(self) -> tuple[Any, ...]:
        return self.state, self.seeds, self.metrics, self.totals

    def train(self, data: Any, full: Any, rest: Any) -> None:
        """Trains on batches of `data`, given as the rows of each."""
        *model, self.metrics, self.totals = self._train(
            self._carry, data, full, rest
        )
        self.weights, self.state, self.seeds, self.optimizer_state = model

    def test(self, data: Any, full: Any, rest: Any) -> None:
        """Measures batches of `data` at inference.

        What the model changes meanwhile stays changed, as in Keras: the state
        of a recurrent layer, or the seeds of layers that draw at inference.
        """
        self.state, self.seeds, self.metrics, self.totals = self._test(
            self._test_carry, self.weights, data, full, rest
        )

    def results(self) -> dict[str, np.ndarray]:
        """Returns the logs of an epoch, one value a trial."""
        rows = (self.weights, self.state, self.metrics, self.totals)
        return jax.device_get(self._results(rows))

    def predict(self, x: Any) -> Any:
        """Returns the outputs of all trials at inference."""
        return jax.device_get(self._predict(self._model, x))

    def to_device(self, tree: Any) -> Any:
        """Returns arrays as arrays of the backend."""
        return keras.tree.map_structure(
            lambda leaf: None if leaf is None else jnp.asarray(leaf), tree
        )

    def read(self) -> Rows:
        """Returns the state of all trials, not to be written to."""
        seeds = self.seeds
        if self.options.shared_seeds:
            seeds = [jnp.repeat(seed[None], self.size, 0) for seed in seeds]
        lists = (self.weights, self.state, seeds, self.optimizer_state)
        return Rows(*jax.tree.map(np.asarray, lists))

    def write(self, rows: Rows) -> None:
        """Sets the state of all trials."""
        self.optimizer_state = []  # is not held beside what takes its place
        self._set_model(rows, jnp.asarray)
        self.optimizer_state = [jnp.asarray(v) for v in rows.optimizer]

    def show(self, rows: Rows) -> None:
        """Sets the state of all trials, for use at inference.

        Arrays that JAX can use where they are stay there: what looks at the
        weights that were kept makes no copy of them.
        """
        self._set_model(rows, jax.device_put)

    def _set_model(self, rows: Rows, place: Any) -> None:
        shared = self.options.shared_seeds
        self.weights = []
        self.weights = [place(v) for v in rows.weights]
        # Copies, for they are written to when trials are measured, too.
        self.state = [jnp.array(v) for v in rows.state]
        seeds = rows.first_seeds if shared else rows.seeds
        self.seeds = [jnp.array(v) for v in seeds]

    def keep(self, chosen: np.ndarray) -> None:
        """Copies weights and state of the chosen trials to a place apart."""
        current = [*self.weights, *self.state]
        if self._kept is None:
            self._kept = [jnp.array(v) for v in current]
            return
        self._kept = _chosen(chosen, current, self._kept)

    def kept(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Returns what was kept: weights, and state; not to be written to."""
        values = [np.asarray(v) for v in self._kept or []]
        count = len(self.weights)
        return values[:count], values[count:]

    def restore_kept(
        self, weights: list[np.ndarray], state: list[np.ndarray]
    ) -> None:
        """Sets what was kept."""
        self._kept = [jnp.array(v) for v in (*weights, *state)]

    # Compiled functions.

    def _train_all(self, carry: Any, data: Any, full: Any, rest: Any) -> Any:
        self.traces += 1
        one = jax.vmap(
            self._train_one,
            in_axes=(self._train_axes, None, self._rows_axis),
            out_axes=self._train_axes,
        )

        def step(carry: Any, rows: Any) -> Any:
            return one(carry, data, rows), None

        return _over_batches(step, carry, full, rest)

    def _test_all(
        self, carry: Any, weights: Any, data: Any, full: Any, rest: Any
    ) -> Any:
        one = jax.vmap(
            self._test_one,
            in_axes=(self._test_axes, 0, None, self._rows_axis),
            out_axes=self._test_axes,
        )

        def step(carry: Any, rows: Any) -> Any:
            return one(carry, weights, data, rows), None

        return _over_batches(step, carry, full, rest)

    def _train_one(self, carry: Any, data: Any, rows: Any) -> Any:
        weights, state, seeds, optimizer, metrics, totals = carry
        batch = _take(data, rows)

        def loss_of(weights: Any) -> Any:
            loss, *updates = self.forward(
                weights, state, seeds, metrics, totals, batch, True
            )
            # The optimizer takes its `loss_scale_factor` out of the gradients.
            return self.optimizer.scale_loss(loss), updates

        gradients, updates = jax.grad(loss_of, has_aux=True)(weights)
        state, seeds, metrics, totals = updates
        # The optimizer's own Strengths and rates are among its variables.
        weights, optimizer = self.optimizer.stateless_apply(
            optimizer, gradients, weights
        )
        return weights, state, seeds, optimizer, metrics, totals

    def _test_one(self, carry: Any, weights: Any, data: Any, rows: Any) -> Any:
        state, seeds, metrics, totals = carry
        batch = _take(data, rows)
        _, *carry = self.forward(
            weights, state, seeds, metrics, totals, batch, False
        )
        return tuple(carry)

    def _results_of_all(self, rows: Any) -> dict[str, Any]:
        def one(row: Any) -> Any:
            weights, state, metrics, totals = row
            logs = self.forward.results(metrics, totals)
            return {**logs, "penalty": self.forward.penalty(weights, state)}

        return jax.vmap(one)(rows)

    def _predict_all(self, model: Any, x: Any) -> Any:
        axes = (*self._model_axes, None)
        return jax.vmap(self.forward.predict, in_axes=axes)(*model, x)

    @property
    def _seed_axis(self) -> int | None:
        """Seeds that all trials share are no part of what is mapped.

        The random numbers are then drawn once, and each trial applies its own
        rate to them.
        """
        return None if self.options.shared_seeds else 0

    @property
    def _model_axes(self) -> tuple[Any, ...]:
        return 0, 0, self._seed_axis

    @property
    def _train_axes(self) -> tuple[Any, ...]:
        return 0, 0, self._seed_axis, 0, 0, 0

    @property
    def _test_axes(self) -> tuple[Any, ...]:
        return 0, self._seed_axis, 0, 0

    @property
    def _rows_axis(self) -> int | None:
        return 0 if self.options.own_data else None


def _over_batches(step: Any, carry: Any, full: Any, rest: Any) -> Any:
    if full is not None:
        carry, _ = jax.lax.scan(step, carry, full)
    if rest is not None:
        carry, _ = step(carry, rest)
    return carry


@functools.partial(jax.jit, donate_argnums=2)
def _chosen(chosen: Any, new: list[Any], old: list[Any]) -> list[Any]:
    return [
        jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)
        for a, b in zip(new, old, strict=True)
    ]


def _take(data: Any, rows: Any) -> Any:
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else jnp.asarray(leaf)[rows], data
    )

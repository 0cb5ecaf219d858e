"""The stacked program on JAX: one compiled function that trains all trials."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from kreg.population._forward import Forward, Totals
from kreg.population._mapping_jax import mapping_for
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
        self._map = mapping_for(template.model)
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
        self._train = jax.jit(self._train_all, donate_argnums=0)
        self._test = jax.jit(self._test_all)
        self._results = jax.jit(self._results_of_all)
        self._predict = jax.jit(self._predict_all)

    def reset_metrics(self) -> None:
        """Begins the sums of an epoch."""
        self.metrics = [jnp.array(blank) for blank in self._blank_metrics]
        self.totals = Totals(*(jnp.zeros(self.size) for _ in Totals._fields))

    def train(self, data: Any, full: Any, rest: Any) -> None:
        """Trains on batches of `data`, given as the rows of each."""
        model = (self.weights, self.state, self.seeds, self.optimizer_state)
        carry = (*model, self.metrics, self.totals)
        model, self.metrics, self.totals = self._train(carry, data, full, rest)
        self.weights, self.state, self.seeds, self.optimizer_state = model

    def test(self, data: Any, full: Any, rest: Any) -> None:
        """Measures batches of `data` at inference."""
        model = (self.weights, self.state, self.seeds)
        self.metrics, self.totals = self._test(
            model, (self.metrics, self.totals), data, full, rest
        )

    def results(self) -> dict[str, np.ndarray]:
        """Returns the logs of an epoch, one value a trial."""
        rows = (self.weights, self.state, self.metrics, self.totals)
        return jax.device_get(self._results(rows))

    def predict(self, x: Any) -> Any:
        """Returns the outputs of all trials at inference."""
        model = (self.weights, self.state, self.seeds)
        return jax.device_get(self._predict(model, x))

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
        self.show(rows)
        self.optimizer_state = [jnp.array(v) for v in rows.optimizer]

    def show(self, rows: Rows) -> None:
        """Sets the state of all trials, for use at inference."""
        shared = self.options.shared_seeds
        self.weights = [jnp.array(v) for v in rows.weights]
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

        def step(carry: Any, rows: Any) -> Any:
            return self._train_step(carry, data, rows), None

        if full is not None:
            carry, _ = jax.lax.scan(step, carry, full)
        if rest is not None:
            carry, _ = step(carry, rest)
        *model, metrics, totals = carry
        return model, metrics, totals

    def _test_all(
        self, model: Any, sums: Any, data: Any, full: Any, rest: Any
    ) -> Any:
        def step(sums: Any, rows: Any) -> Any:
            return self._test_step(model, sums, data, rows), None

        if full is not None:
            sums, _ = jax.lax.scan(step, sums, full)
        if rest is not None:
            sums, _ = step(sums, rest)
        return sums

    def _train_step(self, carry: Any, data: Any, rows: Any) -> Any:
        own_data = self.options.own_data
        batch = None if own_data else _take(data, rows)

        def one(carry: Any, index: Any) -> Any:
            weights, state, seeds, optimizer, metrics, totals = carry
            mine = _take(data, index) if own_data else batch

            def loss_of(weights: Any) -> Any:
                loss, *updates = self.forward(
                    weights, state, seeds, metrics, totals, mine, True
                )
                return loss, updates

            gradients, updates = jax.grad(loss_of, has_aux=True)(weights)
            state, seeds, metrics, totals = updates
            # The optimizer's own Strengths and rates are among its variables.
            weights, optimizer = self.optimizer.stateless_apply(
                optimizer, gradients, weights
            )
            return weights, state, seeds, optimizer, metrics, totals

        seeds = self._seed_axis
        axes = (0, 0, seeds, 0, 0, 0)
        mapped = self._map(
            one, in_axes=(axes, 0 if own_data else None), out_axes=axes
        )
        return mapped(carry, rows if own_data else None)

    def _test_step(self, model: Any, sums: Any, data: Any, rows: Any) -> Any:
        own_data = self.options.own_data
        batch = None if own_data else _take(data, rows)

        def one(model: Any, sums: Any, index: Any) -> Any:
            mine = _take(data, index) if own_data else batch
            weights, state, seeds = model
            metrics, totals = sums
            _, _, _, metrics, totals = self.forward(
                weights, state, seeds, metrics, totals, mine, False
            )
            return metrics, totals

        axes = ((0, 0, self._seed_axis), 0, 0 if own_data else None)
        index = rows if own_data else None
        return self._map(one, in_axes=axes)(model, sums, index)

    def _results_of_all(self, rows: Any) -> dict[str, Any]:
        def one(row: Any) -> Any:
            weights, state, metrics, totals = row
            logs = self.forward.results(metrics, totals)
            return {**logs, "penalty": self.forward.penalty(weights, state)}

        return jax.vmap(one)(rows)

    def _predict_all(self, model: Any, x: Any) -> Any:
        axes = (0, 0, self._seed_axis)
        return self._map(
            lambda weights, state, seeds: self.forward.predict(
                weights, state, seeds, x
            ),
            in_axes=axes,
        )(*model)

    @property
    def _seed_axis(self) -> int | None:
        """Seeds that all trials share are no part of what is mapped.

        The random numbers are then drawn once, and each trial applies its own
        rate to them.
        """
        return None if self.options.shared_seeds else 0


@jax.jit
def _chosen(chosen: Any, new: list[Any], old: list[Any]) -> list[Any]:
    return [
        jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)
        for a, b in zip(new, old, strict=True)
    ]


def _take(data: Any, rows: Any) -> Any:
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else jnp.asarray(leaf)[rows], data
    )

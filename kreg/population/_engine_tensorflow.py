"""The stacked program on TensorFlow: one graph that trains all trials."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kreg.population._forward import Forward, Totals
from kreg.population._graphs_tensorflow import (
    Batch,
    Compiled,
    assign,
    each,
    graph,
    loosened,
    repeated,
    stack,
    take,
    tensors,
    vectorized,
    view,
)
from kreg.population._options import Options
from kreg.population._rows import Rows
from kreg.population._template import Template
from kreg.population._updates_tensorflow import Updates

XLA_ERRORS = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)


class Engine:
    """K trials as stacked variables, and the graphs that move them on.

    Args:
        template: `Template` whose model and metrics are built.
        rows: `Rows` to begin with.
        options: `Options`.
    """

    def __init__(self, template: Template, rows: Rows, options: Options):
        self.size = rows.size
        self.options = options
        self.forward = Forward(template)
        self.updates = Updates(template, rows)
        self.weights = self.updates.weights
        self.state = stack(rows.state, template.state)
        seeds = rows.seeds if not options.shared_seeds else rows.first_seeds
        self.seeds = [tf.Variable(seed) for seed in seeds]
        self.metrics = [
            tf.Variable(repeated(v.value, self.size))
            for v in self.forward.metrics
        ]
        self.blank_metrics = [tf.convert_to_tensor(m) for m in self.metrics]
        self.totals = Totals(
            *(tf.Variable(tf.zeros(self.size)) for _ in Totals._fields)
        )
        self.traces = 0
        self._results = graph(self._results_graph)
        self._keep = graph(self._keep_graph)
        self._predict = graph(self._predict_graph, reduce_retracing=True)
        self._make_steps(options.jit)

    def _make_steps(self, jit: bool) -> None:
        self.jit = jit
        # What XLA compiles whole has the update in it. The last batch of an
        # epoch alone is not worth another compilation.
        self.updates.make(jit=not jit)
        self._train_step = graph(self._train_step_graph)
        # XLA gets the steps alone: of a loop without results it loses what the
        # loop assigns. It wants to know the size of a batch, and to compile for
        # the last, smaller one would take longer than it saves.
        self._compiled_step = Compiled(self._train_step)
        self._test_step = graph(self._test_step_graph)
        self._train = graph(self._train_graph)
        self._test = graph(self._test_graph)

    def reset_metrics(self) -> None:
        for variable, blank in zip(
            self.metrics, self.blank_metrics, strict=True
        ):
            variable.assign(blank)
        for total in self.totals:
            total.assign(tf.zeros_like(total))

    def ahead(self, train: Any, test: Any) -> Any:
        """Traces `train`; returns a function that compiles it, or `None`.

        XLA does not compile `test`. The function takes a step, for XLA
        compiles when it is called; whoever calls it sets the state of all
        trials later.
        """
        data, full, rest = train
        if not self.jit or full is None:
            return None
        self._compiled_step.trace(data, full[0])
        batches = tf.TensorSpec([None, *full.shape[1:]], full.dtype)
        self._train.get_concrete_function(data, batches, rest)
        return lambda: self._train(data, full[:1], rest)

    def train(self, data: Any, full: Any, rest: Any) -> None:
        """Trains on batches of `data`, given as the rows of each."""
        if self.jit and full is not None:
            self._compiled_step.trace(data, full[0])
        try:
            self._train(data, full, rest)
        except XLA_ERRORS:
            # A convolution whose kernels differ by trial is a loop that XLA
            # finds no gradient of. Compiling fails before the first step has
            # changed anything; what fails later is raised.
            begun = np.any(self.totals.samples.numpy() > 0)
            if begun or not (self.jit and self.options.jit_is_optional):
                raise
            self._make_steps(jit=False)
            self._train(data, full, rest)

    def test(self, data: Any, full: Any, rest: Any) -> None:
        """Measures batches of `data` at inference.

        What the model changes meanwhile stays changed, as in Keras: the state
        of a recurrent layer, or the seeds of layers that draw at inference.
        """
        self._test(data, full, rest)

    def results(self) -> dict[str, np.ndarray]:
        """Returns the logs of an epoch, one value a trial."""
        return {key: value.numpy() for key, value in self._results().items()}

    def predict(self, x: Any) -> Any:
        """Returns the outputs of all trials at inference."""
        return keras.tree.map_structure(np.asarray, self._predict(x))

    def to_device(self, tree: Any) -> Any:
        """Returns arrays as arrays of the backend."""
        return keras.tree.map_structure(
            lambda leaf: None if leaf is None else tf.convert_to_tensor(leaf),
            tree,
        )

    def read(self) -> Rows:
        """Returns the state of all trials, not to be written to."""
        seeds = [view(variable) for variable in self.seeds]
        if self.options.shared_seeds:
            seeds = [np.repeat(s[None], self.size, 0) for s in seeds]
        return Rows(
            weights=[view(v) for v in self.weights],
            state=[view(v) for v in self.state],
            seeds=seeds,
            optimizer=self.updates.read(),
        )

    def write(self, rows: Rows) -> None:
        """Sets the state of all trials."""
        self.show(rows)
        self.updates.write(rows.optimizer)

    def show(self, rows: Rows) -> None:
        """Sets the state of all trials, for use at inference."""
        assign(self.weights, rows.weights)
        assign(self.state, rows.state)
        shared = self.options.shared_seeds
        assign(self.seeds, rows.first_seeds if shared else rows.seeds)

    def keep(self, chosen: np.ndarray) -> None:
        """Copies weights and state of the chosen trials to a place apart."""
        if not hasattr(self, "_kept"):
            variables = [*self.weights, *self.state]
            self._kept = [tf.Variable(v) for v in variables]
        self._keep(tf.convert_to_tensor(chosen))

    def kept(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Returns what was kept: weights, and state; not to be written to."""
        values = [view(variable) for variable in self._kept]
        count = len(self.weights)
        return values[:count], values[count:]

    def restore_kept(
        self, weights: list[np.ndarray], state: list[np.ndarray]
    ) -> None:
        """Sets what was kept."""
        self.keep(np.ones(self.size, bool))
        assign(self._kept, [*weights, *state])

    # Graphs.

    def _train_graph(self, data: Any, full: Any, rest: Any) -> None:
        if full is not None and self.jit:
            each(full, lambda rows: self._compiled_step(data, rows))
        elif full is not None:
            each(full, lambda rows: self._train_step(data, loosened(rows)))
        if rest is not None:
            self._train_step(data, loosened(rest))

    def _test_graph(self, data: Any, full: Any, rest: Any) -> None:
        if full is not None:
            each(full, lambda rows: self._test_step(data, loosened(rows)))
        if rest is not None:
            self._test_step(data, loosened(rest))

    def _train_step_graph(self, data: Any, rows: Any) -> None:
        self.traces += 1
        weights = [tf.convert_to_tensor(v) for v in self.weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            losses, updates = self._map(weights, data, rows, True)
            # Each trial's gradient of the sum is that of its own loss.
            total = tf.reduce_sum(losses)
        gradients = tape.gradient(total, weights)
        self._keep_updates(updates)
        self.updates(gradients)

    def _test_step_graph(self, data: Any, rows: Any) -> None:
        weights = [tf.convert_to_tensor(v) for v in self.weights]
        _, updates = self._map(weights, data, rows, False)
        self._keep_updates(updates)

    def _results_graph(self) -> dict[str, Any]:
        def one(row: Any) -> Any:
            weights, state, metrics, totals = row
            logs = self.forward.results(metrics, Totals(*totals))
            return {**logs, "penalty": self.forward.penalty(weights, state)}

        rows = (self.weights, self.state, self.metrics, list(self.totals))
        return vectorized(one, tensors(rows))

    def _keep_graph(self, chosen: Any) -> None:
        for kept, variable in zip(
            self._kept, [*self.weights, *self.state], strict=True
        ):
            mask = tf.reshape(chosen, [-1] + [1] * (len(variable.shape) - 1))
            kept.assign(tf.where(mask, variable, kept))

    def _predict_graph(self, x: Any) -> Any:
        seeds = [tf.convert_to_tensor(seed) for seed in self.seeds]

        def one(row: Any) -> Any:
            own = seeds if self.options.shared_seeds else row[2]
            return self.forward.predict(row[0], row[1], own, x)

        rows = (self.weights, self.state, self._seeds_of_rows())
        return vectorized(one, tensors(rows))

    def _map(
        self, weights: list[Any], data: Any, rows: Any, training: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Maps the forward pass over the trials.

        Seeds that all trials share are no part of what is mapped: the random
        numbers are then drawn once, and each trial applies its own rate.
        """
        shared = tensors(self.seeds) if self.options.shared_seeds else None
        own_data = self.options.own_data
        batch = Batch(None if own_data else take(data, rows), self.size)
        state = tensors(self.state)
        changed: list[int] = []

        def one(row: Any) -> Any:
            mine = take(data, row[5]) if own_data else batch.with_rows(row[5])
            seeds = row[2] if shared is None else shared
            loss, new, seeds, metrics, totals = self.forward(
                row[0], row[1], seeds, row[3], Totals(*row[4]), mine, training
            )
            changed[:] = [i for i, v in enumerate(new) if v is not row[1][i]]
            return loss, [new[i] for i in changed], seeds, metrics, [*totals]

        mapped_rows: tuple[Any, ...] = (
            weights,
            state,
            self._seeds_of_rows(),
            self.metrics,
            list(self.totals),
        )
        inputs = rows if own_data else batch.repeated
        loss, new, *updates = vectorized(one, (*tensors(mapped_rows), inputs))
        for index, value in zip(changed, new, strict=True):
            state[index] = value
        return loss, (state, changed, *updates)

    def _seeds_of_rows(self) -> list[Any]:
        return [] if self.options.shared_seeds else self.seeds

    def _keep_updates(self, updates: tuple[Any, ...]) -> None:
        state, changed, seeds, metrics, totals = updates
        for index in changed:
            self.state[index].assign(state[index])
        if self.options.shared_seeds:
            seeds = [seed[0] for seed in seeds]
        assign(self.seeds, seeds)
        assign(self.metrics, metrics)
        assign(self.totals, totals)

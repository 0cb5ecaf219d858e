"""An optimizer's step on stacked weights, with a learning rate a trial."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kreg.population._graphs_tensorflow import graph, view
from kreg.population._rows import Rows
from kreg.population._template import Template


class Updates:
    """A Keras optimizer over variables that are stacked along the trials.

    The optimizers that `_refusal` lets through work element by element and
    take the learning rate of a step as an argument; it is one per trial here.
    What Keras does around that step with a norm over a whole weight (clipping,
    constraints) is done trial by trial.

    Args:
        template: `Template` of the population.
        rows: `Rows` to begin with.

    Attributes:
        weights: The stacked weights, as `tf.Variable`s.
    """

    def __init__(self, template: Template, rows: Rows):
        single = template.optimizer
        self.variables = [
            keras.Variable(value, dtype=variable.dtype, name=f"stacked_{i}")
            for i, (value, variable) in enumerate(
                zip(rows.weights, template.weights, strict=True)
            )
        ]
        self.weights = [variable.value for variable in self.variables]
        self.constraints = [v.constraint for v in template.weights]
        self.optimizer = type(single).from_config(single.get_config())
        self.optimizer.build(self.variables)
        self._kinds = [_kind(v, single) for v in single.variables]
        self.rates = tf.Variable(tf.zeros(rows.size))
        self._apply: Any = None
        self.write(rows.optimizer)

    def make(self, jit: bool) -> None:
        """Makes the graph of the step. Must be called before a step.

        Args:
            jit: Boolean. Whether XLA compiles it, which pays on a CPU, too: a
                dozen passes over all weights become one.
        """
        self._apply = graph(self._apply_graph, jit_compile=jit)

    def __call__(self, gradients: list[Any]) -> None:
        """Moves the weights along their gradients, inside a graph."""
        pairs = [
            (gradient, index)
            for index, gradient in enumerate(gradients)
            if gradient is not None
        ]
        given = [tf.convert_to_tensor(gradient) for gradient, _ in pairs]
        indices = [index for _, index in pairs]
        self._indices = indices
        self._apply(given)
        for index in indices:
            constraint = self.constraints[index]
            if constraint is not None:
                weight = self.weights[index]
                weight.assign(
                    tf.vectorized_map(
                        constraint,
                        tf.convert_to_tensor(weight),
                        fallback_to_while_loop=True,
                    )
                )

    def read(self) -> list[np.ndarray]:
        """Returns the optimizer's variables, stacked, as one trial has them."""
        size = int(self.rates.shape[0])
        values = []
        for kind, variable in zip(
            self._kinds, self.optimizer.variables, strict=True
        ):
            value = view(variable.value)
            if kind == "rate":
                value = view(self.rates)
            elif kind == "count":
                value = np.repeat(value[None], size, 0)
            values.append(value)
        return values

    def write(self, values: list[np.ndarray]) -> None:
        """Sets the optimizer's variables, stacked, as one trial has them."""
        for kind, variable, value in zip(
            self._kinds, self.optimizer.variables, values, strict=True
        ):
            if kind == "rate":
                self.rates.assign(value)
            elif kind == "count":
                # Trials that have stopped, as after a kill, are behind.
                variable.assign(np.max(value))
            else:
                variable.assign(value)

    def _apply_graph(self, gradients: list[Any]) -> None:
        optimizer = self.optimizer
        gradients = self._clipped(gradients)
        for gradient, index in zip(gradients, self._indices, strict=True):
            variable, weight = self.variables[index], self.weights[index]
            rate = self._rate_for(weight)
            if optimizer.weight_decay is not None:
                weight.assign_sub(weight * optimizer.weight_decay * rate)
            optimizer.update_step(gradient, variable, rate)
        optimizer.iterations.assign_add(1)

    def _rate_for(self, weight: Any) -> Any:
        if "rate" not in self._kinds:  # a schedule of the step, for all
            return tf.cast(self.optimizer.learning_rate, weight.dtype)
        shape = [-1] + [1] * (len(weight.shape) - 1)
        return tf.reshape(tf.cast(self.rates, weight.dtype), shape)

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        optimizer = self.optimizer
        if optimizer.clipvalue is not None:
            bound = optimizer.clipvalue
            return [tf.clip_by_value(g, -bound, bound) for g in gradients]
        if optimizer.clipnorm is not None:
            squares = [_squares(g) for g in gradients]
            return [
                g * _scale(s, optimizer.clipnorm, g)
                for g, s in zip(gradients, squares, strict=True)
            ]
        if optimizer.global_clipnorm is not None:
            total = tf.add_n([_squares(g) for g in gradients])
            norm = optimizer.global_clipnorm
            return [g * _scale(total, norm, g) for g in gradients]
        return gradients


def _kind(variable: Any, optimizer: Any) -> str:
    """Tells whether a variable counts steps, is the rate, or is a row."""
    if variable is optimizer.iterations:
        return "count"
    return "rate" if variable is optimizer.learning_rate else "row"


def _squares(gradient: Any) -> Any:
    return tf.reduce_sum(
        tf.square(gradient), axis=list(range(1, len(gradient.shape)))
    )


def _scale(squares: Any, norm: float, gradient: Any) -> Any:
    scale = norm / tf.maximum(tf.sqrt(squares), norm)
    return tf.reshape(scale, [-1] + [1] * (len(gradient.shape) - 1))

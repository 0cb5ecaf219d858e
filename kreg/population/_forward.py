"""`Forward`: what one trial does with one batch, as a pure function.

Everything that Keras keeps in variables goes in and comes out, so that the
engines can map it over trials.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
from keras import ops

from kreg._structure import walk
from kreg.population._refusal import NotStackable
from kreg.population._template import Template


class Totals(NamedTuple):
    """Sums over the batches of an epoch, of one trial.

    Attributes:
        data_loss: Loss without penalties, times the samples of its batch.
        samples: Number of samples.
    """

    data_loss: Any
    samples: Any


class Forward:
    """Forward pass, losses and metrics of the template's model.

    Args:
        template: `Template` whose model and metrics are built.
    """

    def __init__(self, template: Template):
        self.template = template
        self.model = template.model
        # A callback that looked at a trial may have measured with the model.
        self.model.reset_metrics()
        self.metrics = list(self.model.metrics_variables)
        self._loss_tracker = next(
            (m for m in self.model.metrics if m.name == "loss"), None
        )

    def __call__(
        self,
        weights: list[Any],
        state: list[Any],
        seeds: list[Any],
        metrics: list[Any],
        totals: Totals,
        batch: Any,
        training: bool,
    ) -> tuple[Any, list[Any], list[Any], list[Any], Totals]:
        """Returns the loss and the new `state, seeds, metrics, totals`."""
        x, y, sample_weight = batch
        before = [
            (self.template.weights, weights),
            (self.template.state, state),
            (self.template.seeds, seeds),
            (self.metrics, metrics),
        ]
        with _scope(before, collect_losses=True) as scope:
            held = _current(scope, *before[0])
            with _activity_penalties(self.model, scope) as of_outputs:
                y_pred = self.model(x, training=training)
            loss = self.model.compute_loss(x, y, y_pred, sample_weight)
            penalties = [ops.sum(p) for p in self._penalties(scope, of_outputs)]
            size = ops.shape(keras.tree.flatten(x)[0])[0]
            if self._loss_tracker is not None:
                self._loss_tracker.update_state(loss, sample_weight=size)
            if training and keras.backend.backend() == "jax":
                # As in Keras, where masks do not get out of the gradient.
                y_pred = keras.tree.map_structure(ops.stop_gradient, y_pred)
            self.model.compute_metrics(x, y, y_pred, sample_weight)
            _refuse_assigned(held, _current(scope, *before[0]))
            after = [_current(scope, *pair) for pair in before[1:]]
        data_loss = loss - sum(ops.cast(p, loss.dtype) for p in penalties)
        size = ops.cast(size, "float32")
        return (
            loss,
            *after,
            Totals(
                totals.data_loss + ops.cast(data_loss, "float32") * size,
                totals.samples + size,
            ),
        )

    def _penalties(self, scope: Any, of_outputs: set[int]) -> list[Any]:
        """Returns the losses of the model that are not for the data.

        What a layer of the user's adds with `add_loss` may be the objective
        itself, and stays, as in `OverfitMonitor`.
        """
        ours = {
            id(loss)
            for layer in _layers_that_add(self.model)
            for loss in layer.losses
        }
        added = {id(loss): place for place, loss in enumerate(scope.losses)}
        return [
            loss
            for loss in self.model.losses
            if id(loss) not in added
            or added[id(loss)] in of_outputs
            or id(loss) in ours
        ]

    def predict(
        self, weights: list[Any], state: list[Any], seeds: list[Any], x: Any
    ) -> Any:
        """Returns the outputs at inference."""
        before = [
            (self.template.weights, weights),
            (self.template.state, state),
            (self.template.seeds, seeds),
        ]
        with _scope(before):
            return self.model(x, training=False)

    def results(self, metrics: list[Any], totals: Totals) -> dict[str, Any]:
        """Returns the logs of an epoch, with `data_loss`, as scalars."""
        with _scope([(self.metrics, metrics)]):
            logs = _flat(self.model.get_metrics_result())
        logs["data_loss"] = totals.data_loss / ops.maximum(totals.samples, 1.0)
        return logs

    def penalty(self, weights: list[Any], state: list[Any]) -> Any:
        """Returns the sum of the weight penalties, a scalar."""
        before = [
            (self.template.weights, weights),
            (self.template.state, state),
        ]
        with _scope(before):
            penalties = [
                variable.regularizer(variable)
                for variable in self.template.weights
                if variable.regularizer is not None
            ]
            penalties += [
                layer.current_penalty()
                for layer in _layers_that_add(self.model)
            ]
            return sum(penalties, ops.zeros(()))


def _flat(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs as tensors, those of a metric with several names as well."""
    flat = {}
    for key, value in logs.items():
        if isinstance(value, keras.Variable):
            value = value.value  # it is that of the trial in its scope alone
        flat.update(_flat(value) if isinstance(value, dict) else {key: value})
    return flat


def _refuse_assigned(before: list[Any], after: list[Any]) -> None:
    """Raises if the model has assigned a weight that is trained.

    As `SpectralNormalization` does. On TensorFlow Keras trains the assigned
    weight; on JAX it forgets the assignment, as is done here.
    """
    is_same = all(a is b for a, b in zip(before, after, strict=True))
    if keras.backend.backend() == "tensorflow" and not is_same:
        raise NotStackable("one of its layers assigns a weight that is trained")


def _layers_that_add(model: Any) -> list[Any]:
    """Returns the layers of kreg that add a penalty while training."""
    layers = [layer for _, layer in walk(model)]
    return [layer for layer in layers if hasattr(layer, "current_penalty")]


@contextlib.contextmanager
def _activity_penalties(model: Any, scope: Any) -> Iterator[set[int]]:
    """Yields the set of places in `scope.losses` that penalize outputs.

    Keras adds such a loss as soon as it has it from the regularizer.
    """
    found: set[int] = set()
    layers = [
        layer
        for _, layer in walk(model)
        if getattr(layer, "activity_regularizer", None) is not None
    ]
    regularizers = [layer.activity_regularizer for layer in layers]

    def noting(regularizer: Any) -> Any:
        def call(outputs: Any) -> Any:
            found.add(len(scope.losses))
            return regularizer(outputs)

        return call

    try:
        for layer, regularizer in zip(layers, regularizers, strict=True):
            layer.activity_regularizer = noting(regularizer)
        yield found
    finally:
        for layer, regularizer in zip(layers, regularizers, strict=True):
            layer.activity_regularizer = regularizer


def _scope(
    groups: list[tuple[list[Any], list[Any]]], collect_losses: bool = False
) -> keras.StatelessScope:
    mapping = [
        pair
        for variables, values in groups
        for pair in zip(variables, values, strict=True)
    ]
    return keras.StatelessScope(mapping, collect_losses=collect_losses)


def _current(
    scope: keras.StatelessScope, variables: list[Any], values: list[Any]
) -> list[Any]:
    current = map(scope.get_current_value, variables)
    return [
        new if new is not None else old
        for new, old in zip(current, values, strict=True)
    ]

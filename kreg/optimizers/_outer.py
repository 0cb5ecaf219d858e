"""`Outer`: an optimizer around another one, to which it passes all on."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from kreg._validation import fail


class Outer(keras.optimizers.Optimizer):
    """Base of an optimizer that holds another one in `optimizer`.

    What Keras asks an optimizer for, its counter, learning rate and loss
    scale, is the inner one's; saving leaves the inner one's variables to it.
    """

    optimizer: Any

    @property
    def variables(self) -> list[Any]:
        """Own variables, then the optimizer's."""
        return [*super().variables, *self.optimizer.variables]

    @property
    def iterations(self) -> Any:
        """Scalar integer: updates so far."""
        return self.optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the optimizer; may be assigned."""
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.optimizer.learning_rate = learning_rate

    @property
    def loss_scale_factor(self) -> Any:
        """What the optimizer divides gradients by, or `None`."""
        return self.optimizer.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: Any) -> None:
        if "optimizer" in self.__dict__:  # the base class sets it before
            self.optimizer.loss_scale_factor = factor

    def exclude_from_weight_decay(
        self, var_list: Any = None, var_names: Any = None
    ) -> None:
        """Spares variables the optimizer's `weight_decay`; before `build`.

        Args:
            var_list: Optional list of variables.
            var_names: Optional list of strings that occur in their names.
        """
        self.optimizer.exclude_from_weight_decay(var_list, var_names)

    def set_weights(self, weights: Any) -> None:
        """Sets all of `variables`, the optimizer's too.

        Args:
            weights: Sequence of as many arrays, of the same shapes.

        Raises:
            ValueError: If they do not fit, or it is not built; nothing is
                changed then.
        """
        super().set_weights([])  # raises if it is not built
        variables = self.variables
        shapes = [tuple(variable.shape) for variable in variables]
        given = [tuple(ops.shape(weight)) for weight in weights]
        if given != shapes:
            fail("weights", f"arrays of the shapes {shapes}", given)
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Saves its own variables; the others save theirs themselves."""
        for index, variable in enumerate(super().variables):
            store[str(index)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Loads its own variables."""
        own = super().variables
        if len(store.keys()) == len(own):
            for index, variable in enumerate(own):
                variable.assign(store[str(index)])


@contextlib.contextmanager
def recorded_slots(
    optimizer: Any, slots: dict[tuple[int, str], Any]
) -> Iterator:
    """Notes in `slots` which variables `optimizer` makes for which weight."""
    make = optimizer.add_variable_from_reference

    def recording(reference_variable: Any, name: Any = None, **kwargs: Any):
        made = make(reference_variable, name=name, **kwargs)
        slots[id(reference_variable), name] = made
        return made

    optimizer.add_variable_from_reference = recording
    try:
        yield
    finally:
        del optimizer.add_variable_from_reference

"""`StepCounter`: a layer's own count of the training steps it took part in."""

from typing import Any

from keras import ops

from kreg._validation import check_count


class StepCounter:
    """Counts training steps in a variable of the layer, in the graph.

    A layer has no link to the optimizer, so it counts its own calls. The
    count is saved with the model. A step is one executed training batch.

    Args:
        owner: Keras layer that the variable belongs to.
        calls_per_step: Integer >= 1. How often the layer is called in one
            training step. Defaults to `1`.
    """

    def __init__(self, owner: Any, calls_per_step: int = 1):
        self.calls_per_step = check_count(calls_per_step, "calls_per_step")
        # Without aggregation each replica of `tf.distribute` counts alike in
        # a copy of its own. With it they would wait for each other amid the
        # model, where Keras has one list for the losses of them all.
        self.calls = owner.add_weight(
            name="step",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        # `tf.train.Checkpoint` saves the variables that stand in attributes.
        owner._step_variable = self.calls

    def read(self) -> Any:
        """Returns the number of steps so far, a scalar int32 tensor."""
        calls = ops.convert_to_tensor(self.calls)
        if self.calls_per_step == 1:
            return calls
        return ops.floor_divide(calls, self.calls_per_step)

    def once_a_step(self, loss: Any) -> Any:
        """Returns `loss` at the last call of a step, and 0 at the others.

        The last one pays: of a layer that is called several times in a step,
        Keras on JAX keeps only the losses of the last call.
        """
        if self.calls_per_step == 1:
            return loss
        index = ops.mod(self.calls, self.calls_per_step)
        is_last = ops.equal(index, self.calls_per_step - 1)
        return ops.where(is_last, loss, ops.zeros_like(loss))

    def advance(self) -> None:
        """Counts one call."""
        self.calls.assign_add(1)

    def __int__(self) -> int:
        return int(ops.convert_to_numpy(self.read()))

"""How far each Keras optimizer moves a weight per unit of its gradient.

A proximal step solves the stated problem only with the optimizer's own step
size. At the minimum the gradient is constant and not zero, so that step size
is what a *constant gradient of 1* moves the weight by, now: with momentum, all
that it has gathered. Then `w = prox(w - step * gradient, step)` holds exactly
where `0` is in `gradient + d penalty(w)`, and nowhere else.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from kreg._numerics import cast_like
from kreg._validation import fail

Slot = Callable[[Any, str], Any]  # (variable, name) -> optimizer's variable
Moved = Any  # boolean tensor: has this call updated the weights? None: yes


class Metric:
    """Base: the step sizes of one optimizer.

    Args:
        optimizer: The Keras optimizer, which has no variables yet.
        slot: Finds the optimizer's variable of a name for a weight.
    """

    steps = "array"

    def __init__(self, optimizer: Any, slot: Slot):
        self.optimizer = optimizer
        self.slot = slot

    def build(self, owner: Any, variables: list[Any]) -> None:
        """Creates, in `owner`, what must be remembered between steps."""

    def begin(self, learning_rate: Any, step: Any, moved: Moved) -> None:
        """Takes note of a step that the optimizer has just made.

        Args:
            learning_rate: Scalar tensor. What the step was made with.
            step: Scalar float tensor; its number, from 1 on.
            moved: Scalar boolean tensor; `False` if it only accumulated.
        """
        self.learning_rate = learning_rate
        self.step = step
        self.moved = moved

    def end(self) -> None:
        """Forgets the tensors of the step, which may belong to a trace."""
        self.learning_rate = self.step = self.moved = None

    def step_size(self, variable: Any) -> Any:
        """Returns the step size of `variable`: a scalar, or of its shape."""
        raise NotImplementedError

    def gathered(self, sum_: Any, momentum: float, size: Any) -> Any:
        """Adds `size` to the variable `sum_`, as momentum does; returns it."""
        old = ops.convert_to_tensor(sum_)
        new = ops.add(ops.multiply(momentum, old), cast_like(size, old))
        if self.moved is not None:
            new = ops.where(self.moved, new, old)
        sum_.assign(new)
        return new


class SGD(Metric):
    """Learning rates, summed up by momentum."""

    steps = "scalar"

    def build(self, owner: Any, variables: list[Any]) -> None:
        """Creates the sum of learning rates, if there is momentum."""
        if self.optimizer.momentum:
            self.sum = owner.add_variable((), name="gathered_step_size")

    def begin(self, learning_rate: Any, step: Any, moved: Moved) -> None:
        """Adds the learning rate to the sum."""
        super().begin(learning_rate, step, moved)
        momentum = self.optimizer.momentum
        self.size = learning_rate
        if momentum:
            self.size = self.gathered(self.sum, momentum, learning_rate)
            if self.optimizer.nesterov:
                self.size = learning_rate + momentum * self.size

    def end(self) -> None:
        """Forgets the tensors of the step."""
        super().end()
        self.size = None

    def step_size(self, variable: Any) -> Any:
        """Returns the one step size of all weights."""
        return self.size


class Adam(Metric):
    """`learning_rate / (sqrt(v_hat) + epsilon)`, as Keras computes it."""

    def begin(self, learning_rate: Any, step: Any, moved: Moved) -> None:
        """Corrects the learning rate, once for all weights."""
        correction = ops.sqrt(1.0 - ops.power(self.optimizer.beta_2, step))
        super().begin(learning_rate * correction, step, moved)

    def step_size(self, variable: Any) -> Any:
        """Returns a step size for each weight."""
        amsgrad = self.optimizer.amsgrad
        v = self.slot(variable, "velocity_hat" if amsgrad else "velocity")
        root = ops.sqrt(ops.convert_to_tensor(v))
        rate = cast_like(self.learning_rate, root)
        return rate / (root + self.optimizer.epsilon)


class Nadam(Metric):
    """Adam's, with the two weights that Nadam gives a constant gradient."""

    def build(self, owner: Any, variables: list[Any]) -> None:
        """Creates the product of momentum factors, which Keras hides."""
        self.product = owner.add_variable(
            (), initializer="ones", name="momentum_product"
        )

    def begin(self, learning_rate: Any, step: Any, moved: Moved) -> None:
        """Multiplies the product, and finds the two weights."""
        super().begin(learning_rate, step, moved)
        beta = self.optimizer.beta_1
        now = beta * (1.0 - 0.5 * ops.power(0.96, step))
        following = beta * (1.0 - 0.5 * ops.power(0.96, step + 1.0))
        old = ops.convert_to_tensor(self.product)
        product = old * now
        if moved is not None:
            product = ops.where(moved, product, old)
        self.product.assign(product)
        mean = 1.0 - ops.power(beta, step)  # of a constant gradient of 1
        self.share = following * mean / (1.0 - product * following)
        self.share += (1.0 - now) / (1.0 - product)

    def end(self) -> None:
        """Forgets the tensors of the step."""
        super().end()
        self.share = None

    def step_size(self, variable: Any) -> Any:
        """Returns a step size for each weight."""
        v = ops.convert_to_tensor(self.slot(variable, "velocity"))
        v = v / cast_like(1.0 - ops.power(self.optimizer.beta_2, self.step), v)
        rate = cast_like(self.learning_rate * self.share, v)
        return rate / (ops.sqrt(v) + self.optimizer.epsilon)


class Adamax(Metric):
    """`learning_rate / (u + epsilon)`."""

    def step_size(self, variable: Any) -> Any:
        """Returns a step size for each weight."""
        u = ops.convert_to_tensor(self.slot(variable, "norm"))
        return cast_like(self.learning_rate, u) / (u + self.optimizer.epsilon)


class Adagrad(Metric):
    """`learning_rate / sqrt(accumulator + epsilon)`."""

    def step_size(self, variable: Any) -> Any:
        """Returns a step size for each weight."""
        total = ops.convert_to_tensor(self.slot(variable, "accumulator"))
        rate = cast_like(self.learning_rate, total)
        return rate / ops.sqrt(total + self.optimizer.epsilon)


class RMSprop(Metric):
    """`learning_rate / sqrt(v + epsilon)`, summed up by momentum."""

    def build(self, owner: Any, variables: list[Any]) -> None:
        """Creates the sums of step sizes, if there is momentum."""
        if self.optimizer.momentum:
            self.sums = {
                id(variable): owner.add_variable_from_reference(
                    variable, name="gathered_step_size"
                )
                for variable in variables
            }

    def step_size(self, variable: Any) -> Any:
        """Returns a step size for each weight."""
        v = ops.convert_to_tensor(self.slot(variable, "velocity"))
        rate = cast_like(self.learning_rate, v)
        size = rate / ops.sqrt(v + self.optimizer.epsilon)
        momentum = self.optimizer.momentum
        if not momentum:
            return size
        return self.gathered(self.sums[id(variable)], momentum, size)


_METRICS: dict[str, type[Metric]] = {
    "SGD": SGD,
    "Adam": Adam,
    "AdamW": Adam,
    "Nadam": Nadam,
    "Adamax": Adamax,
    "Adagrad": Adagrad,
    "RMSprop": RMSprop,
}
_EXPECTED = f"one of Keras's {', '.join(_METRICS)}"


def metric_class(optimizer: Any) -> type[Metric]:
    """Returns the class of metric of a Keras optimizer.

    Raises:
        ValueError: If none is known, or an argument of the optimizer moves
            the point that it converges to.
    """
    cls = type(optimizer)
    found = _METRICS.get(cls.__name__)
    if found is None or cls.__module__.split(".")[0] != "keras":
        hint = "A proximal step in another metric solves another problem"
        if hasattr(optimizer, "inner_optimizer"):
            hint = f"Put the {cls.__name__} around the Proximal"
        fail("optimizer", _EXPECTED, optimizer, hint)
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        if getattr(optimizer, name):
            _refuse(
                optimizer,
                name,
                "Clipped gradients are not zero-sum at the minimum, so it "
                "would converge to another point",
            )
    if optimizer.use_ema:
        _refuse(
            optimizer,
            "use_ema",
            "It averages the weights before the proximal step, in which "
            "nothing is zero",
        )
    if getattr(optimizer, "centered", False):
        _refuse(
            optimizer,
            "centered",
            "Its step size grows without bound where the gradient is constant "
            "and not zero, as it is at the minimum",
        )
    if optimizer.built:
        fail(
            "optimizer",
            "an optimizer that has not been used yet",
            optimizer,
        )
    return found


def _refuse(optimizer: Any, name: str, why: str) -> None:
    fail(
        "optimizer",
        f"{type(optimizer).__name__} without `{name}`",
        optimizer,
        why,
    )

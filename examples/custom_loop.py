"""Drive strengths in a training loop of your own, without `fit`.

    python custom_loop.py

One way to write the step for each backend. What they share: a strength is a
variable of the model, the step reads it, and assigning it between two steps is
all it takes. Nothing is compiled twice.
"""

import keras
import numpy as np
from keras import ops

import kreg

STEPS = 60
traces = 0


def loss_of(y, predicted):
    global traces
    traces += 1  # plain Python: runs when the step is traced
    return ops.mean(ops.square(y - predicted))


def tensorflow_step(model, optimizer):
    import tensorflow as tf

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            data_loss = loss_of(y, model(x, training=True))
            loss = data_loss + sum(model.losses)
        weights = model.trainable_variables
        gradients = tape.gradient(loss, [w.value for w in weights])
        optimizer.apply(gradients, weights)
        return loss, data_loss

    return step


def torch_step(model, optimizer):
    def step(x, y):
        model.zero_grad()
        data_loss = loss_of(ops.convert_to_tensor(y), model(x, training=True))
        loss = data_loss + sum(model.losses)
        loss.backward()
        weights = model.trainable_variables
        optimizer.apply([w.value.grad for w in weights], weights)
        return loss.detach(), data_loss.detach()

    return step


def jax_step(model, optimizer):
    import jax

    def compute(trainable, others, x, y):
        predicted, others, losses = model.stateless_call(
            trainable, others, x, training=True, return_losses=True
        )
        data_loss = loss_of(y, predicted)
        return data_loss + sum(losses), (data_loss, others)

    @jax.jit
    def pure_step(trainable, others, slots, x, y):
        differentiate = jax.value_and_grad(compute, has_aux=True)
        (loss, (data_loss, others)), gradients = differentiate(
            trainable, others, x, y
        )
        trainable, slots = optimizer.stateless_apply(
            slots, gradients, trainable
        )
        return loss, data_loss, trainable, others, slots

    def step(x, y):
        # The variables hold the state between steps, so that strengths can
        # be assigned; the jitted function takes and returns their values.
        held = (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
        )
        values = ([v.value for v in variables] for variables in held)
        loss, data_loss, *new = pure_step(*values, x, y)
        for variables, values in zip(held, new, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return loss, data_loss

    return step


MAKE_STEP = {
    "tensorflow": tensorflow_step,
    "torch": torch_step,
    "jax": jax_step,
}

keras.utils.set_random_seed(1)
random = np.random.default_rng(1)
x = random.normal(size=(256, 20)).astype("float32")
y = x @ random.normal(size=(20, 1)).astype("float32")
model = keras.Sequential(
    [
        keras.Input((20,)),
        keras.layers.Dense(
            64,
            activation="tanh",
            kernel_regularizer=kreg.regularizers.L2(0.0),
            name="hidden",
        ),
        kreg.layers.ScheduledDropout(
            0.5, schedule=kreg.schedules.Ramp(STEPS), name="dropout"
        ),
        keras.layers.Dense(1),
    ]
)
optimizer = keras.optimizers.Adam(0.01)
optimizer.build(model.trainable_variables)
step = MAKE_STEP[keras.backend.backend()](model, optimizer)

l2 = kreg.strengths(model)["hidden/kernel_regularizer/l2"]
rate = kreg.strengths(model)["dropout/rate"]
for index in range(STEPS):
    if index == STEPS // 2:
        l2.assign(0.1)
    kernel = ops.convert_to_numpy(model.get_layer("hidden").kernel)
    loss, data_loss = (float(value) for value in step(x, y))
    if index in (0, STEPS // 2 - 1, STEPS // 2, STEPS - 1):
        effective = float(ops.convert_to_numpy(rate.effective))
        print(
            f"step {index:2d}: l2 {l2.value:g}, rate {effective:.3f}, "
            f"data loss {data_loss:7.3f}, penalty {loss - data_loss:.3f}"
        )
    expected = l2.value * float(np.sum(np.square(kernel)))
    assert abs(loss - data_loss - expected) < 1e-3 * max(1.0, loss)

assert int(model.get_layer("dropout").step) == STEPS
if keras.backend.backend() != "torch":  # which runs eagerly
    assert traces == 1
    print(f"The step was traced {traces} time for {STEPS} steps.")
print("Every penalty was that of the strength at its step.")

"""Train a network that overfits; read the verdict; look at the curves.

    python quickstart.py [DIRECTORY FOR THE PICTURE]

Needs scikit-learn (its digits come with it) and Matplotlib.
"""

import os
import sys
import tempfile

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import kreg

keras.utils.set_random_seed(1)
digits = load_digits()
x, x_val, y, y_val = train_test_split(
    digits.data / 16.0, digits.target, train_size=200, random_state=1
)

model = keras.Sequential(
    [
        keras.layers.Dense(
            256,
            activation="relu",
            kernel_regularizer=kreg.regularizers.L2(1e-4),
        ),
        kreg.layers.ScheduledDropout(
            0.5, schedule=kreg.schedules.Ramp(steps=100)
        ),
        keras.layers.Dense(10),
    ]
)
model.compile(
    keras.optimizers.Adam(0.01),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
monitor = kreg.callbacks.OverfitMonitor(train_data=(x, y))
model.fit(
    x,
    y,
    validation_data=(x_val, y_val),
    validation_batch_size=len(x_val),
    epochs=50,
    callbacks=[monitor],
    verbose=0,
)

print(kreg.strengths(model))
print("Verdict:", monitor.verdict)
directory = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
print("Curves:", monitor.plot(os.path.join(directory, "curves.png")))

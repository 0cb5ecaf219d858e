"""Tries `regularize` and `compact` on all of `keras.applications`.

    python benchmarks/soak_applications.py [NAME ...]

Each architecture is built with random weights for its smallest input. Then
penalties and dropout are put in, and its outputs at inference must stay the
same to 1e-6; then a third of its filters are set to zero, and the compact
model's must stay the same to 1e-5; both relative to the largest output. Exits
with
1 if one fails. Takes minutes to hours, and memory for the largest.
"""

import argparse
import gc
import inspect
import sys
import time

import keras
import numpy as np

import kreg

KERNELS = ("kernel", "pointwise_kernel")


def architectures():
    found = {
        name: held
        for name, held in vars(keras.applications).items()
        if inspect.isfunction(held) and name[0].isupper()
    }
    return dict(sorted(found.items()))


def build(make):
    """Returns the model for the smallest input; `None` if there is none."""
    for size in (32, 64, 75, 96, 128, 224, 331):
        try:
            return make(
                weights=None,
                input_shape=(size, size, 3),
                classes=7,
                classifier_activation=None,  # softmax would hide a lot
            )
        except ValueError as error:
            if "not available" in str(error):  # on this backend
                return None
            last = error  # the input is too small
    raise last


def settle(model, x, random):
    """Gives normalizations the statistics of `x`, and random offsets.

    Else what tells the samples apart would fade on its way.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if layer.center:
                layer.beta.assign(0.3 * random.normal(size=layer.beta.shape))
    model(x, training=True)


def zero_filters(model, random):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            zero_filters(layer, random)
        for name in KERNELS:
            variable = getattr(layer, name, None)
            if variable is None or len(variable.shape) < 2:
                continue
            kernel = keras.ops.convert_to_numpy(variable).copy()
            axis = -2 if "Depthwise" in type(layer).__name__ else -1
            filters = np.moveaxis(kernel, axis, 0)
            filters[random.random(len(filters)) < 1 / 3] = 0.0
            variable.assign(kernel)


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def difference(a, b):
    """Returns the largest, relative to the largest output."""
    return float(np.abs(a - b).max() / np.abs(a).max())


def attempt(make):
    """Returns parameters, both differences and the report, or `None`."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = build(make)
    if model is None:
        return None
    x = 255 * random.random((4, *model.input_shape[1:])).astype("float32")
    settle(model, x, random)
    new = kreg.regularize(model, kernel=kreg.regularizers.L2(1e-4), dropout=0.1)
    kept = difference(outputs(model, x), outputs(new, x))
    del new
    zero_filters(model, random)
    small, report = kreg.compact(model, report=True)
    cut = difference(outputs(model, x), outputs(small, x))
    return model.count_params(), kept, cut, report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    failed = []
    for name, make in architectures().items():
        if arguments.names and name not in arguments.names:
            continue
        start = time.perf_counter()
        result = attempt(make)
        if result is None:
            print(f"{name:<20}Keras does not have it on this backend")
            continue
        parameters, kept, cut, report = result
        is_right = kept <= 1e-6 and cut <= 1e-5
        failed += [] if is_right else [name]
        share = report.after.parameters / report.before.parameters
        print(
            f"{name:<20}{parameters / 1e6:7.1f} M  regularize {kept:.0e}  "
            f"compact {cut:.0e}, {100 * share:3.0f} % of parameters left  "
            f"{time.perf_counter() - start:5.0f} s  "
            f"{'' if is_right else 'FAILED'}",
            flush=True,
        )
        keras.backend.clear_session()
        gc.collect()
    print(f"failed: {failed}" if failed else "all right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

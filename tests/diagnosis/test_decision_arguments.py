"""What `diagnose` refuses, and in which words."""

import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import diagnose

BAD_SERIES = [
    [],
    None,
    "0.5 0.4",
    3.0,
    [[1.0], [2.0]],
    [1.0, "2"],
    [True, False],
    [1.0, [2.0]],
    [1.0, None, True],
    [1.0, 10**400],
    {"val_loss": [1.0]},
    [1 + 2j],
]


@pytest.mark.parametrize("value", BAD_SERIES, ids=repr)
def test_bad_validation_loss_is_refused(value):
    message = (
        "Invalid value for argument `val_loss`. Expected a non-empty sequence "
        "of floats. Received: val_loss="
    )
    with pytest.raises(ValueError, match=message):
        diagnose([1.0, 2.0], value)


def test_lengths_must_agree():
    with pytest.raises(
        ValueError, match=r"`train_loss`.*as long as `val_loss`"
    ):
        diagnose([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"`probe_loss`.*length 3"):
        diagnose([1.0, 2.0], [1.0, 2.0], probe_loss=[1, 2, 3])


@pytest.mark.parametrize("epochs", [[0, 0], [1, 0], [-1, 0], [0, 0.5], [0]])
def test_bad_epochs_are_refused(epochs):
    with pytest.raises(ValueError, match="Invalid value for argument `epochs`"):
        diagnose([1.0, 2.0], [1.0, 2.0], epochs=epochs)


def test_numpy_scalars_are_numbers():
    val = [np.float32(x) for x in curves.rising()]
    assert diagnose(None, val).overfitting


BAD_STRENGTHS = [
    [1.0],
    "a/l2",
    {"a/l2": None},
    {"a/l2": "0.1"},
    {"a/l2": True},
    {"a/l2": -0.1},
    {"a/l2": float("nan")},
    {"a/l2": float("inf")},
    {"a/l2": 10**400},
    {1: 0.1},
]


@pytest.mark.parametrize("value", BAD_STRENGTHS, ids=str)
def test_bad_strengths_are_refused(value):
    message = "`strengths`. Expected a mapping of path to finite float >= 0."
    with pytest.raises(ValueError, match=message):
        diagnose(curves.training(), curves.rising(), strengths=value)

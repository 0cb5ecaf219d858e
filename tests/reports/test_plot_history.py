"""What the picture shows, and how its file is written."""

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot

from kreg.diagnosis import diagnose
from kreg.reports import plot_history

TRAIN = [2, 1, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05]
VAL = [2, 1.2, 0.9, 0.8, 0.9, 1.1, 1.3, 1.5]
KERAS = {"loss": TRAIN, "val_loss": VAL}


def axes_of(history, **kwargs):
    (axes,) = plot_history(history, **kwargs).axes
    return axes


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def drawn(axes):
    """Lines with more than one point, as lists of (x, y)."""
    lines = [line.get_xydata() for line in axes.lines]
    return [line.tolist() for line in lines if len(line) > 1]


def test_draws_both_curves_of_keras():
    train, val = drawn(axes_of(KERAS))
    assert train == [[x, y] for x, y in enumerate(TRAIN)]
    assert val == [[x, y] for x, y in enumerate(VAL)]


def test_draws_the_losses_that_can_be_compared():
    nan = float("nan")
    history = {
        "epoch": [4, 5, 6],
        "train_loss": [9.0, 9.0, 9.0],
        "val_loss": [9.0, 9.0, 9.0],
        "penalty": [1.0, 1.0, 1.0],
        "val_data_loss": [0.5, nan, 0.4],
        "train_data_loss": [0.3, 0.2, 0.1],
        "generalization_gap": [0.2, nan, 0.3],
    }
    axes = axes_of(history)
    train, val = drawn(axes)
    assert train == [[4, 0.3], [5, 0.2], [6, 0.1]]
    assert val == [[4, 0.5], [6, 0.4]]
    assert axes.get_ylabel() == "loss without penalties"


def test_without_a_probe_it_draws_the_running_loss():
    history = {
        "train_loss": TRAIN,
        "val_data_loss": VAL,
        "train_data_loss": [float("nan")] * len(VAL),
    }
    train, _ = drawn(axes_of(history))
    assert [y for _, y in train] == TRAIN


def test_marks_the_best_and_the_onset_epoch():
    verdict = diagnose(TRAIN, VAL)
    axes = axes_of(KERAS, verdict=verdict)
    (best,) = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert best.get_xydata().tolist() == [[3, 0.8]]
    (shade,) = axes.patches
    onset = verdict.onset_epoch
    assert shade.get_extents().transformed(
        axes.transData.inverted()
    ).x0 == pytest.approx(onset)
    assert f"overfitting since epoch {onset}" in texts_of(axes)
    assert "best: epoch 3, 0.8" in texts_of(axes)


def test_names_each_curve_at_its_end():
    assert {"training  0.05", "validation  1.5"} <= set(
        texts_of(axes_of(KERAS))
    )


def test_equal_ends_have_labels_apart():
    axes = axes_of({"loss": [2, 1], "val_loss": [2, 1.0]})
    heights = [t.xy[1] for t in axes.texts if "1" in t.get_text()][-2:]
    assert abs(heights[0] - heights[1]) > 0.05


def test_title_is_the_verdict():
    verdict = diagnose(TRAIN, VAL)
    given = axes_of(KERAS, verdict=verdict).get_title(loc="left")
    own = axes_of(KERAS).get_title(loc="left")
    assert given == own
    assert given.replace("\n", " ").lower() == str(verdict).lower()


def test_healthy_run_has_no_shade():
    falling = np.exp(-np.arange(20) / 5)
    axes = axes_of({"loss": falling, "val_loss": falling + 0.1})
    assert not axes.patches


def test_blown_up_run_is_drawn_on_a_log_axis():
    losses = 10.0 ** np.arange(8)
    axes = axes_of({"loss": losses, "val_loss": [*losses[:-1], np.inf]})
    assert axes.get_yscale() == "log"
    assert axes_of(KERAS).get_yscale() == "linear"


@pytest.mark.parametrize(
    "history",
    [
        {"val_loss": [0.5]},
        {"val_loss": [0.5, None, float("nan"), 0.4]},
        {"val_loss": [0.0, 0.0], "loss": [0.0, 0.0]},
        {"val_loss": [-1.0, -2.0], "loss": [-1.0, -3.0]},
    ],
)
def test_odd_histories(history, tmp_path):
    path = str(tmp_path / "curves.png")
    assert plot_history(history, path) == path
    assert os.path.getsize(path) > 1000


@pytest.mark.parametrize(
    ("history", "received"),
    [
        ({"loss": [1.0]}, r"one with the keys \['loss'\]"),
        ({"val_loss": [None]}, r"one with the keys \['val_loss'\]"),
        ({"val_loss": [1.0], "loss": [1.0, 2.0]}, r"lists of the lengths"),
        ([1.0], r"history=\[1.0\] \(of type list\)"),
    ],
)
def test_bad_history(history, received):
    with pytest.raises(
        ValueError,
        match="Invalid value for argument `history`. Expected a dict of lists "
        f".*Received: {received}",
    ):
        plot_history(history)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_ending_says_the_format(ending, tmp_path):
    path = tmp_path / f"curves.{ending}"
    assert plot_history(KERAS, path) == str(path)
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(magic)
    assert os.listdir(tmp_path) == [path.name]


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plot_history(KERAS, "curves.png") == "curves.png"
    assert os.listdir(tmp_path) == ["curves.png"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "curves.xyz"
    path.write_text("old")
    with pytest.raises(ValueError, match="xyz"):
        plot_history(KERAS, path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["curves.xyz"]


def test_others_may_read_the_file_as_any_other(tmp_path):
    path = tmp_path / "curves.png"
    plot_history(KERAS, path)
    usual = tmp_path / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
import kreg
assert "pyplot" not in str(list(sys.modules))
try:
    kreg.reports.plot_history({"val_loss": [1.0]})
except ImportError as error:
    print(error)
"""


def test_without_matplotlib_it_says_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        "Plots need Matplotlib, which is not installed. Install it with "
        "`pip install 'kreg[report]'`.\n"
    )


def test_leaves_nothing_open_in_pyplot(tmp_path):
    before = pyplot.get_fignums()
    backend = pyplot.get_backend()
    plot_history(KERAS)
    plot_history(KERAS, tmp_path / "curves.png")
    assert pyplot.get_fignums() == before
    assert pyplot.get_backend() == backend

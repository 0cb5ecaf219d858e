import numpy as np
import pytest
import scripted_curves as curves

from kreg.diagnosis import History, diagnose


def test_equal_whatever_the_missing_values_were_written_as():
    one = History([1, None], [2.0, float("nan")])
    other = History(np.array([1.0, np.nan]), (2, None), epochs=(0, 1))
    assert one == other
    assert one.val_loss == (2.0, None)


def test_diagnose_passes_everything_on():
    val = curves.rising(rise=0.1)
    series = {
        "epochs": range(10, 70),
        "probe_loss": curves.training() / 2,
        "val_rise": val - np.minimum.accumulate(val),
        "val_rise_se": np.full(60, 0.3),
    }
    history = History(curves.training(), val, **series)
    strengths = {"a/l2": 0.25}
    verdict = history.diagnose(strengths=strengths)
    assert verdict == diagnose(
        curves.training(), val, strengths=strengths, **series
    )
    for left_out in series:
        fewer = {k: v for k, v in series.items() if k != left_out}
        assert verdict != diagnose(
            curves.training(), val, strengths=strengths, **fewer
        )


def test_bad_curves_are_refused():
    with pytest.raises(ValueError, match="`val_loss`"):
        History([1.0], [])
    with pytest.raises(ValueError, match="`train_loss`"):
        History([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="`epochs`"):
        History(None, [1.0, 2.0], epochs=[1, 1])

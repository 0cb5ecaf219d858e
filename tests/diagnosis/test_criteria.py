"""Prechelt's criteria against values worked out by hand."""

import numpy as np
import pytest

from kreg.diagnosis import criteria

# GL: lowest so far 10 8 8 8 5 5, so 0, 0, 100 * (10/8 - 1) = 25, 12.5, 0, 20.
VAL = [10, 8, 10, 9, 5, 6]
LOSS = [0, 0, 25, 12.5, 0, 20]


def test_generalization_loss():
    np.testing.assert_allclose(criteria.generalization_loss(VAL), LOSS)


@pytest.mark.parametrize(
    ("alpha", "epoch"), [(5, 2), (20, 2), (24.9, 2), (25, None), (12.5, 2)]
)
def test_gl_stops_at_the_first_loss_above_alpha(alpha, epoch):
    assert criteria.gl(VAL, alpha) == epoch


def test_training_progress():
    # Strips of three: (6 + 3 + 3) / (3 * 3) - 1 = 1/3 and
    # (4 + 2 + 3) / (3 * 2) - 1 = 1/2; the seventh epoch ends no strip.
    train = [6, 3, 3, 4, 2, 3, 9]
    np.testing.assert_allclose(
        criteria.training_progress(train, strip=3), [1000 / 3, 500]
    )


def test_pq_looks_at_ends_of_strips_alone():
    # At epochs 2 and 5: GL 25 and 20, P 1000/3 and 500, so PQ 0.075 and 0.04.
    train = [6, 3, 3, 4, 2, 3]
    assert criteria.pq(train, VAL, 0.07, strip=3) == 2
    assert criteria.pq(train, VAL, 0.0751, strip=3) is None
    # With strips of two, epochs 1, 3 and 5: GL 0, 12.5, 20 and
    # P 500, 1000 * (3.5 / 3 - 1) = 166.7, 250, so PQ 0, 0.075, 0.08.
    assert criteria.pq(train, VAL, 0.07, strip=2) == 3
    assert criteria.pq(train, VAL, 0.078, strip=2) == 5


def test_pq_stops_where_training_stands_still():
    assert criteria.pq([1] * 5, [1, 2, 1, 1, 2], 3) == 4
    assert criteria.pq([1] * 5, [1] * 5, 3) is None


def test_up_wants_strips_in_a_row_that_end_higher():
    # Strips of two end at 8, 9, 6, 7, 8, 9: up, down, up, up, up.
    val = [0, 8, 0, 9, 0, 6, 0, 7, 0, 8, 0, 9]
    assert criteria.up(val, 1, strip=2) == 3
    assert criteria.up(val, 2, strip=2) == 9
    assert criteria.up(val, 3, strip=2) == 11
    assert criteria.up(val, 4, strip=2) is None


def test_up_with_the_papers_strip_of_five():
    val = [9, 9, 9, 9, 5] + [9, 9, 9, 9, 6] + [9, 9, 9, 9, 6]
    assert criteria.up(val, 1) == 9
    assert criteria.up(val, 2) is None


@pytest.mark.parametrize("val", [[1, 0], [1, -1], [1, None], [1, np.nan]])
def test_losses_must_be_positive(val):
    with pytest.raises(
        ValueError, match="`val_loss`. Expected positive floats"
    ):
        criteria.gl(val, 5)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_counts_are_checked(count):
    with pytest.raises(ValueError, match="`strip`. Expected an integer >= 1"):
        criteria.up([1, 2], 1, strip=count)
    with pytest.raises(ValueError, match="`strips`. Expected an integer >= 1"):
        criteria.up([1, 2], count)


def test_pq_wants_equal_lengths():
    with pytest.raises(ValueError, match="as long as `val_loss`"):
        criteria.pq([1, 2], [1, 2, 3], 1)


@pytest.mark.parametrize("error", [0.1, 0.7, 1.1, 1e-9, 3.3e7])
@pytest.mark.parametrize("strip", range(1, 12))
def test_a_strip_of_equal_errors_has_no_progress(error, strip):
    assert criteria.training_progress([error] * strip, strip) == 0
    # No loss of generalization is not above no progress.
    assert criteria.pq([error] * strip, [1.0] * strip, 3, strip) is None


@pytest.mark.parametrize("alpha", ["2", None, True, np.nan, np.inf])
def test_thresholds_are_checked(alpha):
    with pytest.raises(ValueError, match="`alpha`. Expected a finite float"):
        criteria.gl([1, 2], alpha)
    with pytest.raises(ValueError, match="`alpha`. Expected a finite float"):
        criteria.pq([1, 2], [1, 2], alpha)


def test_counts_may_be_numpys():
    assert criteria.up([1, 2, 3], np.int64(2), np.int64(1)) == 2

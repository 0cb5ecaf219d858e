import pytest
import scripted_curves as curves

from kreg.diagnosis import History, text_plot

RISING = History(curves.training(), curves.rising())


def plot_of(history, width=72):
    return text_plot(history, history.diagnose(), width).splitlines()


@pytest.mark.parametrize("width", [20, 40, 72, 200])
def test_no_line_is_wider_than_asked(width):
    assert max(map(len, plot_of(RISING, width))) <= width


def test_best_and_onset_are_marked_below_their_epochs():
    history = History(None, curves.rising(60), epochs=range(100, 160))
    verdict = history.diagnose()
    axis = next(line for line in plot_of(history) if "+-" in line)
    begin, width = axis.index("+") + 1, len(axis) - axis.index("+") - 1
    for mark, epoch in (("B", verdict.best_epoch), ("O", verdict.onset_epoch)):
        column = (epoch - 100) * (width - 1) / 59
        assert abs(axis.index(mark) - begin - column) <= 1
    assert (
        f"B best {verdict.best_epoch}, O onset {verdict.onset_epoch}"
        in (plot_of(history)[-1])
    )


def test_high_is_up_and_first_is_left():
    lines = plot_of(History(None, [3.0, 2.0, 1.0, 1.0, 1.0, 1.0]))
    assert lines[0].index("o") < lines[11].index("o")
    assert lines[0].strip().startswith("3")
    assert lines[11].strip().startswith("1 ")


def test_where_both_curves_meet():
    history = History([3, 2, 1, 1, 1], [3, 2.5, 2, 2, 2])
    assert "*" in plot_of(history)[0]


@pytest.mark.parametrize(
    "history",
    [
        History(None, [1.0]),
        History(None, [1.0] * 5),
        History([None] * 6, [1.0, None, 2.0, 3.0, float("inf"), 1.0]),
        History(curves.training(3000), curves.rising(3000)),
    ],
    ids=["one epoch", "constant", "with gaps", "long"],
)
def test_odd_histories_can_be_drawn(history):
    assert any("o" in line for line in plot_of(history))


def test_nothing_to_draw_is_said():
    assert "no finite losses" in plot_of(History(None, [None, None]))[0]


def test_width_is_checked():
    with pytest.raises(ValueError, match="Invalid value for argument `width`"):
        plot_of(RISING, 19)

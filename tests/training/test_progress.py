"""What is shown while a run trains."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from saddlepoint.training.pace import Pace
from saddlepoint.training.progress import (
    Bar,
    Display,
    Forecast,
    Lines,
    Silent,
    display,
    duration,
    figures_of,
    layout,
    rate_text,
)

WIDTHS = (40, 50, 60, 79, 80, 100, 200)
FIGURES = ["critic/loss 0.693", "critic/score_real 1.25", "critic/score_fake -1.25"]


def never() -> Forecast:
    raise AssertionError("nobody asked for a forecast")


def test_durations_in_two_units() -> None:
    assert duration(0.4) == "0 s"
    assert duration(59.4) == "59 s"
    assert duration(61) == "1 min 01 s"
    assert duration(3599.7) == "1 h 00 min"
    assert duration(7380) == "2 h 03 min"
    assert duration(50 * 3600) == "2 d 02 h"


def test_slow_rates_keep_two_digits() -> None:
    assert [rate_text(rate) for rate in (1234.4, 12.3, 3.21, 0.0421)] == [
        "1234",
        "12",
        "3.2",
        "0.042",
    ]


def test_lines_show_step_rate_time_left_and_headline(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines(0, 200, ("loss", "missing"))
    shown.log(50, Forecast(1234.4, 75.0), {"other": 1.0, "loss": 0.123456})
    shown.say("a note")
    said = capsys.readouterr().err
    assert said == "step 50/200  1234 examples/s  1 min 15 s left  loss 0.123\na note\n"


def test_lines_of_slow_runs_begin_before_the_first_log_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    shown = Lines(0, 5000, ("loss",), clock=lambda: now[0])
    shown.advance(1, never)
    now[0] = 5.7
    shown.advance(3, Forecast)
    assert capsys.readouterr().err == "", "it is too early to say anything"
    now[0] = 7.6
    for step in (4, 5):
        shown.advance(step, lambda: Forecast(68.0, 9492.4))
    assert capsys.readouterr().err == "step 4/5000  68 examples/s  2 h 38 min left\n"
    shown.log(50, Forecast(68.0, 9400.0), {"loss": 0.5})
    shown.advance(51, never)
    assert capsys.readouterr().err.count("\n") == 1


def test_lines_of_fast_runs_are_the_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    shown = Lines(0, 5000, (), clock=lambda: now[0])
    shown.log(50, Forecast(68.0, 9400.0), {})
    now[0] = 60.0
    shown.advance(51, never)
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("total", [9, 5000, 125_000])
def test_step_bar_rate_and_time_left_are_whole_at_any_width(width: int, total: int) -> None:
    for step, rate, left in itertools.product(
        (0, total // 2, total), (0.05, 312.0, 41_000.0), (0.0, 3599.0, 171_000.0, 9e6)
    ):
        head, bar, tail = layout(width, step, total, Forecast(rate, left), FIGURES)
        assert len(head) + bar + len(tail) <= width
        assert f"{step}/{total} " in head
        assert bar >= 4
        unit, end = (" examples/s", " left") if width >= 60 else ("/s", "")
        assert f"{rate_text(rate)}{unit}" in tail
        assert f"{duration(left)}{end}" in tail


def test_diagnostics_give_way_whole_and_from_the_right() -> None:
    shown = [
        [
            figure in layout(width, 312, 5000, Forecast(312.0, 2600.0), FIGURES)[2]
            for width in WIDTHS
        ]
        for figure in FIGURES
    ]
    assert shown[0] == [False, False, False, True, True, True, True]
    assert not any(shown[1][:-1])
    assert shown[1][-1]
    assert shown[2][-1]
    forecast = Forecast(312.0, 2600.0)
    for width in range(40, 201):
        bare, tail = (layout(width, 312, 5000, forecast, each)[2] for each in ([], FIGURES))
        between = "  " if width >= 60 else " "
        prefixes = ["".join(between + figure for figure in FIGURES[:n]) for n in range(4)]
        assert tail.removeprefix(bare) in prefixes


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_bar_on_a_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None)
    shown = Bar(0, 5000, ("loss", "critic/score_real"), console)
    assert "measuring" in out.getvalue()
    shown.advance(3, lambda: Forecast(68.0, 9492.4))
    shown.log(312, Forecast(70.0, 9492.4), {"loss": 0.123456, "critic/score_real": -1.0})
    shown.say("[a note]")
    shown.close()
    last = out.getvalue().replace("\x1b[?25h", "").strip().splitlines()[-1]
    assert "312/5000" in last
    assert "━" in last or width < 60, "a sixteenth is no whole column of a short bar"
    assert "─" in last
    assert "68 examples/s" in last or (width < 60 and "68/s" in last), "not that of the interval"
    assert "2 h 38 min" in last
    assert ("loss 0.123" in last) == (width >= 80)
    assert ("critic/score_real -1" in last) == (width == 200)
    assert "[a note]" in out.getvalue()


def test_time_left_runs_down_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("saddlepoint.training.progress.time.monotonic", lambda: now[0])
    out = io.StringIO()
    shown = Bar(0, 10, (), Console(file=out, width=80, color_system=None))
    shown.advance(1, lambda: Forecast(2.0, 40.0))
    now[0] += 15.0
    shown.close()
    assert "25 s left" in out.getvalue()


def test_the_display_fits_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(display(0, 1, (), visible=False), Silent)
    assert isinstance(display(0, 1, ()), Lines), "tests have no terminal"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    kinds: list[type[Display]] = []
    for terminal in ("xterm", "dumb"):
        monkeypatch.setenv("TERM", terminal)
        shown = display(0, 1, ())
        shown.close()
        kinds.append(type(shown))
    assert kinds == [Bar, Lines]


def test_figures_come_in_the_order_of_the_headline() -> None:
    assert figures_of({"b": 2.0, "a": 1.0}, ("a", "b", "c")) == ["a 1", "b 2"]
    forms = {"b": "I(b) {:.2f} of 2.30", "c": "{}"}
    assert figures_of({"b": 2.0, "a": 1.0}, ("b", "a", "c"), forms) == ["I(b) 2.00 of 2.30", "a 1"]


class Machine:
    """A clock that a test moves, and a pace that reads it."""

    def __init__(self, done: int = 0, a_step: int = 128) -> None:
        self.now, self.done, self.a_step = 1000.0, done, a_step
        self.pace = Pace(lambda: self.now)
        self.pace.start(done, done * a_step)

    def steps(self, *seconds: float) -> None:
        for each in seconds:
            self.now += each
            self.done += 1
            self.pace.step(self.done, self.done * self.a_step)

    def pause(self, kind: str, seconds: float) -> None:
        with self.pace.pause(kind):
            self.now += seconds


def test_the_first_steps_do_not_count() -> None:
    machine = Machine()
    machine.steps(4.0, 0.5, 0.2, 0.1)
    assert machine.pace.seconds_a_step is None
    machine.steps(0.1)
    assert machine.pace.seconds_a_step == pytest.approx(0.1)
    assert machine.pace.rate == pytest.approx(1280)
    assert machine.pace.left(5, 105, {}) == pytest.approx(10)


@pytest.mark.parametrize(("first", "each"), [(3.0, 1.9), (4.0, 3.0), (9.0, 8.0), (0.3, 0.1)])
def test_the_time_left_stands_within_ten_seconds(first: float, each: float) -> None:
    machine = Machine()
    machine.steps(first)
    while machine.now + each < 1010:
        machine.steps(each)
    left = machine.pace.left(machine.done, 1000, {})
    assert left is not None
    # where a single step is all there is, the first one must do
    expected = first if machine.done == 1 else each
    assert left == pytest.approx(expected * (1000 - machine.done))


def test_a_first_step_that_loads_much_is_no_forecast() -> None:
    machine = Machine()
    machine.steps(6.0)
    assert machine.pace.left(1, 1001, {}) == pytest.approx(6000), "all there is"
    assert not machine.pace.settled, "nothing is said that would have to be taken back"
    machine.steps(0.1)
    assert machine.pace.settled
    assert machine.pace.left(2, 1002, {}) == pytest.approx(100)


def test_pauses_are_no_steps_but_are_time_left() -> None:
    machine = Machine()
    machine.steps(*[1.0] * 9)
    machine.pause("picture", 5.0)
    machine.steps(1.0)
    machine.pause("checkpoint", 2.0)
    assert machine.pace.seconds_a_step == pytest.approx(1.0)
    every = {"picture": 20, "checkpoint": 10, "validation": 10}
    # 35 more steps; pictures at 20, 40 and 45; checkpoints at 20, 30, 40 and 45
    assert machine.pace.left(10, 45, every) == pytest.approx(35 + 3 * 5 + 4 * 2)
    assert machine.pace.left(44, 45, every) == pytest.approx(1 + 5 + 2)
    assert machine.pace.left(45, 45, every) == 0.0


def test_what_was_paused_before_the_loop_is_known_in_it() -> None:
    machine = Machine()
    machine.pause("picture", 3.0)
    machine.pace.start(0, 0)
    machine.steps(*[1.0] * 9)
    assert machine.pace.left(9, 10, {"picture": 500}) == pytest.approx(1 + 3)


def test_the_rate_follows_a_machine_that_slows_down() -> None:
    machine = Machine(done=500)
    machine.steps(*[0.1] * 100)
    assert machine.pace.seconds_a_step == pytest.approx(0.1)
    machine.steps(*[0.5] * 200)
    assert machine.pace.seconds_a_step == pytest.approx(0.5, rel=0.02)
    machine.steps(*[30.0] * 9)
    assert machine.pace.seconds_a_step == pytest.approx(30.0), "always of eight steps at least"


def test_steps_that_differ_in_turn_are_averaged() -> None:
    machine = Machine()
    machine.steps(*([0.1] * 15 + [1.7]) * 20)  # a penalty in every sixteenth step
    assert machine.pace.seconds_a_step == pytest.approx(0.2, rel=0.05)

"""What is shown while a run trains."""

from __future__ import annotations

import pytest

from saddlepoint.training.progress import Bar, Lines, Silent, display, duration, figures_of


def test_durations_in_two_units() -> None:
    assert duration(0.4) == "0 s"
    assert duration(59.4) == "59 s"
    assert duration(61) == "1 min 01 s"
    assert duration(3599.7) == "1 h 00 min"
    assert duration(7380) == "2 h 03 min"


def test_lines_show_step_rate_time_left_and_headline(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines(0, 200, ("loss", "missing"))
    shown.log(50, 1234.4, {"other": 1.0, "loss": 0.123456})
    shown.say("a note")
    said = capsys.readouterr().err
    assert "step 50/200  1234 examples/s" in said
    assert "left  loss 0.123" in said
    assert "other" not in said
    assert said.endswith("a note\n")


def test_the_bar_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Bar(10, 200, ("loss",))
    shown.advance(20)
    shown.log(50, 1234.4, {"loss": 0.123456})
    shown.say("[a note]")
    shown.close()
    said = capsys.readouterr().err
    for part in ("50/200", "1234 examples/s", "loss 0.123", "[a note]"):
        assert part in said


def test_the_display_fits_its_place() -> None:
    assert isinstance(display(0, 1, (), wanted=False), Silent)
    assert isinstance(display(0, 1, ()), Lines), "tests have no terminal"


def test_figures_come_in_the_order_of_the_headline() -> None:
    assert figures_of({"b": 2.0, "a": 1.0}, ("a", "b", "c")) == ["a 1", "b 2"]

"""What a user sees while a run trains: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

EARLY_SECONDS = 5.0
#: Format strings of diagnostics, by name.
Forms = Mapping[str, str]
NO_FORMS: Forms = MappingProxyType({})
ROOMY, WIDE = 60, 100  # columns from which units are written out, and the bar is long


@dataclass(frozen=True)
class Forecast:
    """How fast a run is and how long it will take.

    Attributes:
        rate: Examples per second; None while it is too early to say.
        left: Seconds to the end; None while it is too early to say.
    """

    rate: float | None = None
    left: float | None = None


class Display(ABC):
    """Shows how far a run is."""

    @abstractmethod
    def advance(self, step: int, forecast: Callable[[], Forecast]) -> None:
        """Another step is done; ``forecast`` is called only when its answer is shown."""

    @abstractmethod
    def log(self, step: int, forecast: Forecast, scalars: Mapping[str, float]) -> None:
        """New figures: the rate of this log interval, the time left, the scalars of a log line."""

    @abstractmethod
    def say(self, sentence: str) -> None:
        """Tell the user something once; may be called from another thread."""

    @abstractmethod
    def close(self) -> None:
        """Stop showing."""


class Silent(Display):
    """Shows nothing."""

    @override
    def advance(self, step: int, forecast: Callable[[], Forecast]) -> None:
        return None

    @override
    def log(self, step: int, forecast: Forecast, scalars: Mapping[str, float]) -> None:
        return None

    @override
    def say(self, sentence: str) -> None:
        return None

    @override
    def close(self) -> None:
        return None


class Lines(Display):
    """One line per log interval, for files, pipes and CI; a first one early if steps are slow."""

    def __init__(
        self,
        start: int,
        total: int,
        headline: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        *,
        forms: Forms = NO_FORMS,
    ) -> None:
        self._total, self._headline, self._forms = total, headline, forms
        self._clock, self._begin = clock, clock()
        self._quiet = True

    @override
    def advance(self, step: int, forecast: Callable[[], Forecast]) -> None:
        if self._quiet and self._clock() - self._begin >= EARLY_SECONDS:
            known = forecast()
            if known.left is not None:
                self._print(step, known, [])

    @override
    def log(self, step: int, forecast: Forecast, scalars: Mapping[str, float]) -> None:
        self._print(step, forecast, figures_of(scalars, self._headline, self._forms))

    def _print(self, step: int, forecast: Forecast, figures: Sequence[str]) -> None:
        self._quiet = False
        parts = [f"step {step}/{self._total}"]
        if forecast.rate is not None:
            parts.append(f"{rate_text(forecast.rate)} examples/s")
        if forecast.left is not None:
            parts.append(f"{duration(forecast.left)} left")
        print("  ".join([*parts, *figures]), file=sys.stderr, flush=True)

    @override
    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    @override
    def close(self) -> None:
        return None


class Bar(Display):
    """A live line: step, bar, rate, time left and as many headline diagnostics as there is room."""

    REFRESH_SECONDS = 0.2

    def __init__(
        self,
        start: int,
        total: int,
        headline: Sequence[str],
        console: Console | None = None,
        *,
        forms: Forms = NO_FORMS,
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._headline, self._forms = headline, forms
        self._refreshed = 0.0
        self._line = _Line(start, total)
        self._live = Live(
            self._line,
            console=console or Console(stderr=True),
            refresh_per_second=1 / self.REFRESH_SECONDS,
        )
        self._live.start(refresh=True)

    @override
    def advance(self, step: int, forecast: Callable[[], Forecast]) -> None:
        self._line.step = step
        now = time.monotonic()
        if now - self._refreshed > self.REFRESH_SECONDS:
            self._refreshed = now
            self._line.expect(forecast())

    @override
    def log(self, step: int, forecast: Forecast, scalars: Mapping[str, float]) -> None:
        self._line.step = step
        self._line.figures = figures_of(scalars, self._headline, self._forms)
        # between log lines the rate is that of the steps alone, which does not jump at pictures
        rate = self._line.forecast.rate
        self._line.expect(Forecast(forecast.rate if rate is None else rate, forecast.left))

    @override
    def say(self, sentence: str) -> None:
        self._live.console.print(sentence, markup=False, highlight=False)

    @override
    def close(self) -> None:
        self._live.stop()


class _Line:
    """What the bar draws, at whatever width the terminal has at the moment."""

    def __init__(self, step: int, total: int) -> None:
        self.step, self.total = step, total
        self.figures: list[str] = []
        self.forecast, self._at = Forecast(), 0.0

    def expect(self, forecast: Forecast) -> None:
        """Take a new forecast; its time left runs down by itself from here."""
        self.forecast, self._at = forecast, time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        forecast = self.forecast
        if forecast.left is not None and self.step < self.total:
            passed = time.monotonic() - self._at
            forecast = Forecast(forecast.rate, max(0.0, forecast.left - passed))
        width = options.max_width
        head, bar, tail = layout(width, self.step, self.total, forecast, self.figures)
        done, ahead = ("#", "-") if options.ascii_only else ("━", "─")
        filled = round(bar * self.step / self.total)
        text = Text.assemble(
            head, (done * filled, "bar.complete"), (ahead * (bar - filled), "bar.back"), tail
        )
        text.no_wrap, text.overflow = True, "crop"
        text.truncate(width)
        yield text


def layout(
    width: int, step: int, total: int, forecast: Forecast, figures: Sequence[str]
) -> tuple[str, int, str]:
    """What stands before the bar, the bar's columns, and what stands behind it.

    From 40 columns up, step, bar, rate and time left are whole; diagnostics fill what is left,
    each whole or not at all.
    """
    roomy = width >= ROOMY
    count = f"{step:>{len(str(total))}}/{total}"
    head = f"step {count} " if roomy else f"{count} "
    fixed = ["measuring"] if forecast.rate is None and forecast.left is None else []
    if forecast.rate is not None:
        fixed.append(rate_text(forecast.rate) + (" examples/s" if roomy else "/s"))
    if forecast.left is not None:
        fixed.append(duration(forecast.left) + (" left" if roomy else ""))
    between = "  " if roomy else " "
    tail = " " + between.join(fixed)
    bar = max(0, min(20 if width >= WIDE else 10, width - len(head) - len(tail)))
    for figure in figures:
        if len(head) + bar + len(tail) + len(between) + len(figure) > width:
            break
        tail += between + figure
    return head, bar, tail


def display(
    start: int,
    total: int,
    headline: Sequence[str],
    visible: bool = True,
    *,
    forms: Forms = NO_FORMS,
) -> Display:
    """The display that fits where standard error goes."""
    if not visible:
        return Silent()
    live = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    return (Bar if live else Lines)(start, total, headline, forms=forms)


def figures_of(
    scalars: Mapping[str, float], headline: Sequence[str], forms: Forms = NO_FORMS
) -> list[str]:
    """``name value``, or as its form has it, for each headline diagnostic that was recorded."""
    return [
        forms[name].format(scalars[name]) if name in forms else f"{name} {scalars[name]:.3g}"
        for name in headline
        if name in scalars
    ]


def rate_text(rate: float) -> str:
    """A rate in whole numbers, or with two digits where these would say too little."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that say something."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"

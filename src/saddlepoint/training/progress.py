"""What a user sees while a run trains: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from typing_extensions import override


class Display(ABC):
    """Shows how far a run is."""

    @abstractmethod
    def advance(self, step: int) -> None:
        """Another step is done."""

    @abstractmethod
    def log(self, step: int, rate: float, scalars: Mapping[str, float]) -> None:
        """New figures: examples per second and the scalars of a log line."""

    @abstractmethod
    def say(self, sentence: str) -> None:
        """Tell the user something once."""

    @abstractmethod
    def close(self) -> None:
        """Stop showing."""


class Silent(Display):
    """Shows nothing."""

    @override
    def advance(self, step: int) -> None:
        return None

    @override
    def log(self, step: int, rate: float, scalars: Mapping[str, float]) -> None:
        return None

    @override
    def say(self, sentence: str) -> None:
        return None

    @override
    def close(self) -> None:
        return None


class Lines(Display):
    """One line per log interval, for files, pipes and CI."""

    def __init__(self, start: int, total: int, headline: Sequence[str]) -> None:
        self._total, self._headline = total, headline
        self._last = (start, time.monotonic())

    @override
    def advance(self, step: int) -> None:
        return None

    @override
    def log(self, step: int, rate: float, scalars: Mapping[str, float]) -> None:
        now = time.monotonic()
        seconds_a_step = (now - self._last[1]) / max(1, step - self._last[0])
        self._last = (step, now)
        left = duration(seconds_a_step * (self._total - step))
        figures = "  ".join(figures_of(scalars, self._headline))
        text = f"step {step}/{self._total}  {rate:.0f} examples/s  {left} left  {figures}"
        print(text, file=sys.stderr, flush=True)

    @override
    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    @override
    def close(self) -> None:
        return None


class Bar(Display):
    """A live bar with step, rate, time left and the headline diagnostics."""

    REFRESH_SECONDS = 0.1

    def __init__(self, start: int, total: int, headline: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._headline = headline
        self._shown = 0.0
        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(
            "train", total=total, completed=start, rate="", figures=""
        )
        self._progress.start()

    @override
    def advance(self, step: int) -> None:
        now = time.monotonic()
        if now - self._shown > self.REFRESH_SECONDS:
            self._shown = now
            self._progress.update(self._task, completed=step)

    @override
    def log(self, step: int, rate: float, scalars: Mapping[str, float]) -> None:
        self._progress.update(
            self._task,
            completed=step,
            rate=f"{rate:.0f} examples/s",
            figures=" ".join(figures_of(scalars, self._headline)),
        )

    @override
    def say(self, sentence: str) -> None:
        self._progress.console.print(sentence, markup=False, highlight=False)

    @override
    def close(self) -> None:
        self._progress.stop()


def display(start: int, total: int, headline: Sequence[str], wanted: bool = True) -> Display:
    """The display that fits where standard error goes."""
    if not wanted:
        return Silent()
    return (Bar if sys.stderr.isatty() else Lines)(start, total, headline)


def figures_of(scalars: Mapping[str, float], headline: Sequence[str]) -> list[str]:
    """``name value`` for each headline diagnostic that was recorded."""
    return [f"{name} {scalars[name]:.3g}" for name in headline if name in scalars]


def duration(seconds: float) -> str:
    """Seconds in the two largest units that say something."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

"""How fast a run is and how long it will take, from what has been measured so far (torch-free)."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class _Mark:
    """The state at the end of a step; ``working`` is the time in steps alone, in seconds."""

    step: int
    examples: int
    working: float


class Pace:
    """Measures steps, and beside them the pauses: pictures, checkpoints, validations.

    The rate is that of the last ``WINDOW_SECONDS``, but of at least ``LEAST`` steps. The first
    step of a process loads and allocates what later ones do not, and the next few fill caches, so
    they are left out as soon as enough others are known.

    Attributes:
        started: Whether ``start`` was called.
    """

    WINDOW_SECONDS = 60.0
    LEAST = 8
    WARM_UP = 3
    PATIENCE_SECONDS = 5.0
    LATEST_SECONDS = 8.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses: dict[str, list[float]] = {}
        self._paused = 0.0
        self._begin = 0.0
        self._first = self._second = self._last = _Mark(0, 0, 0.0)
        self._marks: deque[_Mark] = deque()
        self.started = False

    def start(self, step: int, examples: int) -> None:
        """The loop begins after ``step`` steps, which saw so many ``examples``."""
        self._begin, self._paused = self._clock(), 0.0
        self._first = self._second = self._last = _Mark(step, examples, 0.0)
        self._marks.clear()
        self.started = True

    def step(self, step: int, examples: int) -> None:
        """Step number ``step`` (from 1) is done; ``examples`` were seen since the run began."""
        self._last = mark = _Mark(step, examples, self._clock() - self._begin - self._paused)
        if step == self._first.step + 1:
            self._second = mark
        if step < self._first.step + self.WARM_UP:
            return
        self._marks.append(mark)
        while (
            len(self._marks) > self.LEAST + 1
            and mark.working - self._marks[1].working > self.WINDOW_SECONDS
        ):
            self._marks.popleft()

    @contextmanager
    def pause(self, kind: str) -> Iterator[None]:
        """Time what is done inside: not part of any step, but part of the time left."""
        start = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - start
            self._pauses.setdefault(kind, []).append(seconds)
            self._paused += seconds

    @property
    def first_step(self) -> int:
        """Steps that were done when the loop began."""
        return self._first.step

    @property
    def elapsed(self) -> float:
        """Seconds since the loop began."""
        return self._clock() - self._begin if self.started else 0.0

    @property
    def settled(self) -> bool:
        """Whether the estimate rests on more than the first step, or has waited long enough."""
        later = self._last.step > self._first.step + 1
        return self._span() is not None and (later or self.elapsed >= self.LATEST_SECONDS)

    def _span(self) -> tuple[_Mark, _Mark] | None:
        """The two ends of the stretch that the rate is taken from; None while it is too early."""
        if len(self._marks) > 2:
            return self._marks[0], self._marks[-1]
        if self.elapsed < self.PATIENCE_SECONDS or self._last.step == self._first.step:
            return None
        # Slow steps: an estimate that may be high is better than none.
        return (self._second if self._last.step > self._second.step else self._first), self._last

    @property
    def seconds_a_step(self) -> float | None:
        """Seconds of one step, pauses left out; None while it is too early to say."""
        span = self._span()
        if span is None:
            return None
        first, last = span
        return max(last.working - first.working, 1e-9) / (last.step - first.step)

    @property
    def rate(self) -> float | None:
        """Examples per second of the steps, pauses left out; None while it is too early to say."""
        span = self._span()
        if span is None:
            return None
        first, last = span
        return (last.examples - first.examples) / max(last.working - first.working, 1e-9)

    def left(
        self,
        step: int,
        target: int,
        every: Mapping[str, int],
        by_time: Mapping[str, Callable[[float], int]] = MappingProxyType({}),
    ) -> float | None:
        """Seconds from the end of ``step`` to the end of ``target``.

        Args:
            step: Steps that are done.
            target: Steps that will be done.
            every: After how many steps each kind of pause comes; the last step has all of them.
            by_time: For each kind of pause that comes by time: how many will come within so many
                seconds of everything else, that of the last step included.
        """
        if step >= target:
            return 0.0
        each = self.seconds_a_step
        if each is None:
            return None
        seconds = each * (target - step)
        for kind, interval in every.items():
            if kind in self._pauses:
                to_come = target // interval - step // interval + (target % interval > 0)
                seconds += statistics.median(self._pauses[kind]) * to_come
        others = seconds
        for kind, number_within in by_time.items():
            if kind in self._pauses:
                seconds += statistics.median(self._pauses[kind]) * number_within(others)
        return seconds


class PictureTimes:
    """When a picture of samples is due: after every so many steps, or after so many seconds.

    By time the first one comes early, so that something is seen soon. The clock starts anew at the
    end of each picture: where pictures take longer than their interval, they still leave room for
    as much training.

    Args:
        every: Steps between pictures, where they come by steps.
        seconds: Seconds between pictures, where they come by time; else None.
    """

    FIRST_SECONDS = 30.0

    def __init__(self, every: int, seconds: float | None) -> None:
        self._every, self._seconds = every, seconds
        self._next = min(self.FIRST_SECONDS, seconds or 0.0)

    @property
    def by_time(self) -> bool:
        """Whether they come by time."""
        return self._seconds is not None

    def due(self, step: int, elapsed: float) -> bool:
        """Whether one is due after ``step`` steps, ``elapsed`` seconds after this process began."""
        return elapsed >= self._next if self.by_time else step % self._every == 0

    def drawn(self, elapsed: float) -> None:
        """One is finished, ``elapsed`` seconds after this process began to train."""
        self._next = elapsed + (self._seconds or 0.0)

    def within(self, seconds: float, elapsed: float) -> int:
        """How many come by time in so many seconds of everything else, the last step's included.

        The first is due after r = next − elapsed of them and the others s apart, so that
        max(0, ⌈(seconds − r) / s⌉) come before the end.
        """
        if self._seconds is None:
            raise ValueError("these pictures come by steps.")
        first = max(0.0, self._next - elapsed)
        return max(0, math.ceil((seconds - first) / self._seconds)) + 1


class Laps:
    """Measures the time and the batches between log lines, pauses and all."""

    def __init__(self, cursor: int) -> None:
        self._time, self._cursor = time.perf_counter(), cursor

    def lap(self, cursor: int) -> tuple[float, int]:
        """Seconds and batches since the last lap."""
        now = time.perf_counter()
        seconds, batches = now - self._time, cursor - self._cursor
        self._time, self._cursor = now, cursor
        return max(seconds, 1e-9), batches

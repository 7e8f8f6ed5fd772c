"""Ctrl-C and SIGTERM as a wish that the training loop reads between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from saddlepoint.errors import Interrupted

AT_ONCE = "in the middle of a step; the last checkpoint is kept"
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


def signal_name(number: int) -> str:
    """A signal as users know it: ``Ctrl-C`` for SIGINT."""
    return NAMES.get(number) or signal.Signals(number).name  # type: ignore[call-overload]


class Signals:
    """While entered, the first signal is only noted; a second one acts at once.

    The second Ctrl-C is a ``KeyboardInterrupt``, a second SIGTERM is ``Interrupted``.

    Attributes:
        received: The number of the first signal, or None.
        answer: Called with one sentence as soon as the first signal comes, from a thread of its
            own: a handler may interrupt whatever is being printed, so it cannot print itself.
    """

    WATCHED = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: int | None = None
        self.answer: Callable[[str], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python allows no other
            self._before = {n: signal.signal(n, self._note) for n in self.WATCHED}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt(AT_ONCE)
            raise Interrupted(f"stopped by {signal_name(number)} {AT_ONCE}.", number)
        self.received = number
        if self.answer is not None:
            sentence = (
                f"{signal_name(number)}: finishing this step and saving; once more stops at once."
            )
            threading.Thread(target=self.answer, args=(sentence,), daemon=True).start()

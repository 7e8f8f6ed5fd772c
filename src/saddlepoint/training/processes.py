"""Other processes of this program that train, watched by this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from saddlepoint.errors import Interrupted
from saddlepoint.training.signals import Signals

_LOOK_SECONDS = 0.05
WORKER = "saddlepoint.training.worker"
Name = TypeVar("Name")


@dataclass
class Child:
    """A process that carries out one order.

    Attributes:
        code: Its exit code, once it has ended.
        said: What it said of an error.
    """

    process: subprocess.Popen[bytes]
    errors: IO[bytes] = field(repr=False)
    code: int | None = None
    said: str = ""

    @classmethod
    def start(cls, order: dict[str, Any]) -> Child:
        """Start a process; it ends, its run saved, when this one does."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process ends
        places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))},
            # A terminal would send its Ctrl-C to both, and a second one ends without saving.
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        return cls(process, errors)

    def ended(self) -> bool:
        """Whether it is over; then ``code`` and ``said`` are known."""
        self.code = self.process.poll()
        if self.code is None:
            return False
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()
        self.said = lines[-1] if lines else f"its process ended with code {self.code}."
        self.errors.close()
        assert self.process.stdin is not None
        self.process.stdin.close()
        return True


class Children:
    """Up to so many processes at once; a signal to this one is passed on to all.

    Args:
        most: Processes at once.
        say: Told of a signal.
    """

    def __init__(self, most: int, say: Callable[[str], None]) -> None:
        self._most = most
        self._signals = Signals()
        self._signals.answer = say
        self._running: dict[int, Child] = {}

    def __enter__(self) -> Self:
        self._signals.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for child in self._running.values():
                child.process.terminate()
            for child in self._running.values():
                child.process.wait()
                child.ended()
        finally:
            self._signals.__exit__(kind, error, trace)

    def ends_of(
        self, orders: Sequence[tuple[Name, dict[str, Any]]], begins: Callable[[Name], None]
    ) -> Iterator[tuple[Name, Child]]:
        """Carry out every order, and give back each whose process has ended.

        Raises:
            Interrupted: A signal came, and every process has saved and ended.
        """
        waiting = list(enumerate(orders))
        while waiting or self._running:
            number = self._signals.received
            while waiting and len(self._running) < self._most and number is None:
                index, (name, order) = waiting.pop(0)
                begins(name)
                self._running[index] = Child.start(order)
            if number is not None:
                self._stop(number)
            for index, child in list(self._running.items()):
                if child.ended():
                    del self._running[index]
                    yield orders[index][0], child
            time.sleep(_LOOK_SECONDS)

    def _stop(self, number: int) -> None:
        for child in self._running.values():
            child.process.send_signal(number)
        for child in self._running.values():
            child.process.wait()
            child.ended()
        self._running.clear()
        raise Interrupted("the processes were stopped.", number)

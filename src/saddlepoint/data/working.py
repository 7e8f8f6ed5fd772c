"""Long work over many files: threads, results in order, and a bar when someone is waiting."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar, final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")
Result = TypeVar("Result")


@final
class Bar:
    """A progress bar on stderr, shown only on a terminal and only after ``delay`` seconds."""

    def __init__(
        self, what: str, total: int | None, *, of_bytes: bool = False, delay: float = 2.0
    ) -> None:
        """Name the work; ``total`` counts items, or bytes if ``of_bytes``; None if unknown."""
        self._what, self._total, self._of_bytes = what, total, of_bytes
        self._show_at = time.monotonic() + delay
        self._done = 0
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, by: int = 1) -> None:
        """Count ``by`` more items as done."""
        self._done += by
        if self._progress is not None:
            self._progress.update(self._task, completed=self._done)
        elif time.monotonic() >= self._show_at and sys.stderr.isatty():
            count = DownloadColumn() if self._of_bytes else MofNCompleteColumn()
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                count,
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task(
                self._what, total=self._total, completed=self._done
            )
            self._progress.start()


def threads_for_files() -> int:
    """Threads for decoding many files at once: the processors, at most 16."""
    return min(16, os.cpu_count() or 1)


def in_order(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int, what: str
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in order, worked on by ``threads`` threads.

    Only a few results wait at a time, so memory does not grow with the number of items.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool, Bar(what, len(items)) as bar:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 8 * threads:
                    yield waiting.popleft().result()
                    bar.advance()
            while waiting:
                yield waiting.popleft().result()
                bar.advance()
        finally:
            for future in waiting:
                future.cancel()

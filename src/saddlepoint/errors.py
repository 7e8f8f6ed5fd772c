"""What can go wrong in a way that the user can act on: one sentence and one exit code each."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable
from pathlib import Path

PROG = "saddlepoint"
#: Modules and files with parts of the user's own that are imported now, in their order.
IMPORTS: list[str] = []


class SaddlepointError(Exception):
    """Base of the errors whose message is written for the user.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code = 2


class BadInput(SaddlepointError):
    """The request cannot be carried out as asked: a path, value, option or data is wrong."""

    exit_code = 2


class RunStopped(SaddlepointError):
    """The run stopped itself (non-finite values, disk full); the last good state is kept."""

    exit_code = 3


class Interrupted(SaddlepointError):
    """A signal asked the run to stop; its state was saved first.

    ``exit_code`` is 128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type[Interrupted], tuple[str, int]]:
        # so that it comes back whole from another process
        return type(self), (str(self), self.exit_code - 128)


_LONGEST_LINE = 1200


def one_line(message: str) -> str:
    """A message on one line: what cannot be printed is escaped, the middle of a long one left out.

    What a user wrote or a file holds is quoted in messages, and may be anything.
    """
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    if len(plain) > _LONGEST_LINE:
        half = _LONGEST_LINE // 2
        plain = f"{plain[:half]} … {plain[-half:]}"
    return plain


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; PyTorch tells of the CPU's in words alone."""
    words = ("DefaultCPUAllocator", "out of memory", "bad_alloc", "Storage size calculation")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known word closest to ``word``, or ``""``."""
    options = list(known)
    lowered = {option.lower(): option for option in options}
    close = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f" Did you mean '{lowered[close[0]]}'?" if close else ""


def did_you_mean_place(name: str, known: Iterable[str]) -> str:
    """The same for a dotted name, whose last part alone may be right, near or misplaced.

    Up to three names with the nearest last part are suggested: those at the same place, else
    those below it, else those at the likest one.
    """
    options = list(dict.fromkeys(known))
    parent, last = _parted(name)
    lasts = difflib.get_close_matches(last, {_parted(each)[1] for each in options}, 1, 0.7)
    if not lasts:
        plain = {each.removeprefix("--").lower(): each for each in options}
        close = difflib.get_close_matches(name.removeprefix("--").lower(), list(plain), 1, 0.75)
        return f" Did you mean '{plain[close[0]]}'?" if close else ""
    near = [each for each in options if _parted(each)[1] == lasts[0]]

    def likeness(option: str) -> float:
        return difflib.SequenceMatcher(None, parent, _parted(option)[0]).ratio()

    near.sort(key=likeness, reverse=True)
    below = [e for e in options if e in near and parent and _parted(e)[0].startswith(f"{parent}.")]
    if likeness(near[0]) > 0.8:  # the same place, or a slip in its name
        near = near[:1]
    *first, final = [f"'{each}'" for each in (below or near)[:3]]
    return f" Did you mean {', '.join(first)}{' or ' * bool(first)}{final}?"


def _parted(name: str) -> tuple[str, str]:
    parent, _, last = name.lower().removeprefix("--").rpartition(".")
    return parent, last


def command_line(*words: object) -> str:
    """A command of this program that can be pasted into a shell, whatever its paths hold.

    ``command_line("resume", Path("my run"))`` is ``saddlepoint resume 'my run'``. What is imported
    now is imported there.
    """
    imports = [word for name in IMPORTS for word in ("--import", name)]
    return " ".join([PROG, *(shlex.quote(_plain(word)) for word in (*words, *imports))])


def _plain(word: object) -> str:
    # A path that starts with a dash would be read as an option.
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)

"""The command line: ``saddlepoint train | resume | sample | evaluate | compare | report | lab``.

Nothing here imports torch before a command needs it, so that help and mistakes answer at once.
"""

from __future__ import annotations

import inspect
import io
import shutil
import sys
import textwrap
from collections.abc import Sequence

from saddlepoint.commands import COMMANDS, PLAIN, SELF_PARSING
from saddlepoint.commands.program import PROG, taken
from saddlepoint.errors import (
    BadInput,
    RunStopped,
    SaddlepointError,
    did_you_mean,
    lacks_memory,
    one_line,
)
from saddlepoint.version import VERSION

IMPORT_HELP = (
    "Before or after every command, --import MODULE (or a .py file; repeatable) adds parts, "
    "objectives, scores, experiments and recipes of your own, see docs/extending.md; what it adds "
    f"is named in the help of a command that has it: {PROG} train dcgan --import my_parts --help."
)

COMPLETION_HELP = f"""usage: {PROG} completion bash|zsh|tcsh

Print a completion script for a shell. For bash, for example:

  {PROG} completion bash > ~/.local/share/bash-completion/completions/{PROG}"""


def usage() -> str:
    """The text of ``saddlepoint --help``."""
    width = min(100, shutil.get_terminal_size().columns)
    lines = [f"usage: {PROG} COMMAND ...", "", "commands:"]
    for name, function in COMMANDS.items():
        said = inspect.cleandoc(function.__doc__ or "").splitlines()[0]
        lines += textwrap.wrap(f"  {name:<9}{said}", width, subsequent_indent=" " * 11)
    closing = (
        f"{PROG} COMMAND --help says more; {PROG} --version prints the version; "
        f"{PROG} completion bash|zsh|tcsh prints a completion script for that shell. "
        f"{IMPORT_HELP} "
        "Fetched data and computed features are kept in ~/.cache/saddlepoint, or in the folder "
        "that the environment variable SADDLEPOINT_DATA names."
    )
    lines += ["", *textwrap.wrap(closing, width)]
    return "\n".join(lines)


def dispatch(words: Sequence[str]) -> None:
    """Carry out one command."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return
    if words[0] in ("-V", "--version"):
        print(VERSION)
        return
    name, rest = words[0], list(words[1:])
    if name in SELF_PARSING:
        SELF_PARSING[name](rest)
    elif name == "completion" and {"-h", "--help"} & set(rest):
        print(COMPLETION_HELP)
    elif name == "completion":
        from saddlepoint.completion import script

        print(script(rest, PLAIN, PROG))
    elif name in PLAIN:
        from saddlepoint.options import call

        if {"-h", "--help"} & set(rest):  # their help is short, and has every option
            rest = ["--help"]
        call(PLAIN[name], rest, f"{PROG} {name}")
    else:
        known = [*COMMANDS, "completion"]
        raise BadInput(
            f"'{name}' is not a command (known: {', '.join(known)}).{did_you_mean(name, known)}"
        )


def imported(words: Sequence[str]) -> list[str]:
    """Import what ``--import`` names, wherever it stands, and return the other words.

    Raises:
        BadInput: It names nothing, or something that cannot be imported.
    """
    occurrences, rest = taken(words, ["--import"])
    names = [name for _, values in occurrences for name in values]
    if len(names) < len(occurrences):
        raise BadInput("--import: name a module, or the path of a .py file.")
    if names:
        from saddlepoint.run.own_parts import import_parts

        for name in names:
            import_parts(name)
    return rest


def main(words: Sequence[str] | None = None) -> None:
    """Entry point: one sentence and an exit code for everything that the user can act on."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Names of files may be any bytes, and are printed.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        dispatch(imported(sys.argv[1:] if words is None else words))
    except SaddlepointError as error:
        print(f"saddlepoint: {one_line(str(error))}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except (MemoryError, RuntimeError) as error:
        if "home directory" in str(error):  # of ~name, as pathlib says it
            print("saddlepoint: a path begins with ~ and names no user here.", file=sys.stderr)
            raise SystemExit(BadInput.exit_code) from None
        if not lacks_memory(error):
            raise
        print(
            "saddlepoint: the memory of this machine does not suffice: use smaller or fewer "
            "examples, a smaller --batch-size or narrower networks.",
            file=sys.stderr,
        )
        raise SystemExit(RunStopped.exit_code) from None
    except KeyboardInterrupt as stop:
        print(f"saddlepoint: stopped by Ctrl-C{f' {stop}' if str(stop) else ''}.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away: nobody is left to tell
        raise SystemExit(141) from None
    except OSError as error:  # a path of too many letters, a file that went away meanwhile
        place = f"{error.filename}: " if error.filename is not None else ""
        said = one_line(f"{place}{error.strerror or error}")
        print(f"saddlepoint: a file could not be used ({said}).", file=sys.stderr)
        raise SystemExit(BadInput.exit_code) from None

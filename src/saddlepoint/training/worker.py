"""What another process does: it reads one order from standard input and carries it out."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from saddlepoint.description import validated
from saddlepoint.errors import RunStopped, SaddlepointError, lacks_memory, one_line
from saddlepoint.run.description import Run
from saddlepoint.run.own_parts import import_parts
from saddlepoint.training.tasks import Further, Task


def main() -> None:
    """Carry out the order; an error is one sentence and an exit code."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        for name in order["imports"]:
            import_parts(name)
        task = Task(order["title"], validated(Run, order["run"]), Path(order["folder"]))
        further = Further(order["steps"], order["reschedule"], order["data"], order["device"])
        task.carry_out(further, quiet=True)
    except SaddlepointError as error:
        _fail(one_line(str(error)), error.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        _fail("the memory of this machine does not suffice.", RunStopped.exit_code)
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C.", 128 + signal.SIGINT)


def _end_with_the_parent() -> None:
    """Standard input ends when the process that gave the order does; then save and end, too."""
    os.read(sys.stdin.fileno(), 1)  # a buffered read could not be abandoned at the end
    os.kill(os.getpid(), signal.SIGTERM)


def _fail(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()

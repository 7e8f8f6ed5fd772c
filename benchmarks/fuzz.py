"""Broken input by the thousand: command lines, run.json, images, arrays, archives, checkpoints.

    python benchmarks/fuzz.py [--kinds words run-json images arrays archives checkpoints]
        [--cases 2000] [--seed 0] [--minutes M] [--keep FOLDER] [--only KIND:NUMBER]

A case is made from the seed, its kind and its number alone. It runs the command line in a forked
process of its own, in a folder of its own, with limits on memory, processor time and waiting.
A finding is an exit code other than 0, 2, 3, 130 and 143, an exception, a warning, more or less
than one sentence on a refusal, a changed file of the user's, a file beside the case's folder, a
part of a file left behind, or a limit that was reached. Findings are printed so that they can be
repeated with --only; --keep copies their folders. The exit code is 1 with findings.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from fuzz_cases import KINDS, Case, make
from fuzz_material import USER, prepare

ALLOWED = (0, 2, 3, 130, 143)
ESCAPED = 99  # exit code of a child whose command raised
CPU_SECONDS, WALL_SECONDS = 60, 240
EXTRA_MEMORY = 3 * 2**30
LARGEST_FILE = 2**29
LONGEST_SENTENCE = 1500


@dataclass
class Outcome:
    """What a case came to.

    Attributes:
        code: The exit code; None: a limit ended it.
        said: What it wrote to stderr.
        findings: What is wrong, in words.
    """

    code: int | None
    said: str = ""
    findings: list[str] = field(default_factory=list)


def snapshot(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder; links and folders by name."""
    seen = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent) / name
            whole = path.is_file() and not path.is_symlink()
            text = hashlib.sha256(path.read_bytes()).hexdigest() if whole else "-"
            seen[str(path.relative_to(folder))] = text
    return seen


def _refuse_network() -> None:
    import socket

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    socket.socket.connect = refuse  # type: ignore[assignment,method-assign]


def _stop(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked once is enough
    raise KeyboardInterrupt


def _child(words: list[str], folder: Path) -> None:
    """Run the command line; ends the process."""
    code = ESCAPED
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        place = folder / "work"
        for name, where in (("HOME", "home"), ("TMPDIR", "tmp"), ("SADDLEPOINT_DATA", "cache")):
            os.environ[name] = str(folder / where)
        tempfile.tempdir = None
        os.chdir(place)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        size = int(re.findall(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (size + EXTRA_MEMORY, size + EXTRA_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _refuse_network()
        from saddlepoint.cli import main

        try:
            main(words)
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else ESCAPED
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        code = ESCAPED
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


def _wait(child: int) -> tuple[int | None, str]:
    """Exit code of a child and why it has none."""
    began = time.monotonic()
    pause = 0.002
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > WALL_SECONDS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None, f"it did not end in {WALL_SECONDS} s"
        time.sleep(pause)
        pause = min(0.05, 1.5 * pause)
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status), ""
    number = os.WTERMSIG(status)
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return None, f"it took more than {CPU_SECONDS} s of the processor"
    return None, f"it was killed by {signal.Signals(number).name}"


def judge(case: Case, folder: Path, code: int | None, why: str) -> Outcome:
    """Hold what a case did against what is promised."""
    said = (folder / "stderr").read_bytes().decode("utf-8", "replace")
    outcome = Outcome(code, said)
    wrong = outcome.findings
    if code is None:
        wrong.append(why)
        return outcome
    if code == ESCAPED or "Traceback (most" in said:
        wrong.append("an exception escaped")
    elif code not in ALLOWED:
        wrong.append(f"exit code {code}")
    elif code:
        lines = [line for line in said.splitlines() if line.startswith("saddlepoint: ")]
        if len(lines) != 1 or said.splitlines()[-1:] != lines:
            wrong.append("a refusal is not one sentence")
        elif len(lines[0]) > LONGEST_SENTENCE:
            wrong.append(f"a sentence of {len(lines[0]):,} characters")
        elif re.search(r"Errno|<class|\bobject at 0x", lines[0]):
            wrong.append("a sentence holds what only a programmer can read")
    if any(re.match(r"\S*:?\d*:? ?\w*Warning:", line) for line in said.splitlines()):
        wrong.append("a warning of a library reached the user")
    if re.search(r"[\x00-\x08\x0e-\x1f]", said.replace("\r", "")):
        wrong.append("control characters on stderr")
    if any(path.is_file() for path in (folder / "tmp").rglob("*")):
        wrong.append("files were left in the temporary folder")
    if parts := [
        path.name
        for path in (folder / "work").rglob("*")
        if path.name.endswith((".part", ".partial"))
    ]:
        wrong.append(f"parts were left behind: {parts[0]}")
    if case.expectation is not None and (problem := case.expectation(outcome.code, folder)):
        wrong.append(problem)
    return outcome


def carry_out(kind: str, number: int, seed: int, root: Path, keep: Path | None) -> Outcome:
    """One case, from its making to its judgement."""
    rng = random.Random(f"{seed}:{kind}:{number}")
    folder = root / "case"
    for name in ("work", "home", "tmp", "cache"):
        (folder / name).mkdir(parents=True)
    case = make(kind, rng, root / "prepared", folder / "work")
    if number % 20 == 0:
        outside = snapshot(root / "prepared")
    before = snapshot(folder / "work" / USER)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _child(case.words, folder)
    try:
        ended = _wait(child)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGKILL)
        raise
    outcome = judge(case, folder, *ended)
    after = snapshot(folder / "work" / USER)
    if changed := [name for name, digest in before.items() if after.get(name) != digest]:
        outcome.findings.append(f"a file of the user's was changed: {changed[0]}")
    if number % 20 == 0 and snapshot(root / "prepared") != outside:
        outcome.findings.append("files beside the case's folder were changed")
    if strangers := {path.name for path in root.iterdir()} - {"case", "prepared"}:
        outcome.findings.append(f"a file beside the case's folder appeared: {min(strangers)}")
    if outcome.findings:
        print(f"\nFINDING {kind}:{number} (seed {seed}): {'; '.join(outcome.findings)}")
        print(f"  words: {case.words!r}"[:1000])
        for deed in case.deeds:
            print(f"  {deed}"[:400])
        tail = outcome.said[-1800:]
        print("  " + "\n  ".join(line[:400] for line in tail.splitlines()[-14:]))
        if keep is not None:
            shutil.copytree(folder, keep / f"{kind}-{number}", symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(folder)
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--cases", type=int, default=2000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="stop after so many, shared by the kinds")
    parser.add_argument("--keep", type=Path, help="folder for the folders of findings")
    parser.add_argument("--only", metavar="KIND:NUMBER", help="one case; its output is shown")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.cases)
    kinds = arguments.kinds
    if arguments.only:
        kind, _, number = arguments.only.partition(":")
        if kind not in KINDS or not number.isdigit():
            parser.error(f"--only {arguments.only}: KIND:NUMBER, with a kind of {', '.join(KINDS)}")
        kinds, numbers = [kind], range(int(number), int(number) + 1)
    tables: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="saddlepoint-fuzz-") as temporary:
        root = Path(temporary)
        os.environ["MPLCONFIGDIR"] = str(root / "prepared" / "matplotlib")
        os.environ["COLUMNS"], os.environ["NO_COLOR"] = "200", "1"
        os.fsync = lambda _: None  # no case loses its power, and the disk is slow to answer
        prepare(root / "prepared")
        began = time.monotonic()
        signal.signal(signal.SIGTERM, _stop)
        tables = {kind: Counter() for kind in kinds}
        with suppress(KeyboardInterrupt):  # the table tells how far it came
            for position, kind in enumerate(kinds):
                table = tables[kind]
                for number in numbers:
                    passed = (time.monotonic() - began) / 60
                    if arguments.minutes and passed > arguments.minutes * (position + 1) / len(
                        kinds
                    ):
                        break
                    outcome = carry_out(kind, number, arguments.seed, root, arguments.keep)
                    table["cases"] += 1
                    table["accepted" if outcome.code == 0 else "refused"] += 1
                    table["findings"] += bool(outcome.findings)
                    if arguments.only and not outcome.findings:
                        print(f"exit code {outcome.code}\n{outcome.said}", end="")
    columns = ("cases", "accepted", "refused", "findings")
    print(f"\n{'kind':<12}" + "".join(f"{name:>10}" for name in columns))
    for kind, table in tables.items():
        print(f"{kind:<12}" + "".join(f"{table[name]:>10,}" for name in columns))
    return int(any(table["findings"] for table in tables.values()))


if __name__ == "__main__":
    sys.exit(main())

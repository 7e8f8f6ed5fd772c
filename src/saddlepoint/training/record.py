"""The append-only record of a run: scalars and events, one JSON object a line (torch-free)."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "record.jsonl"


class Record:
    """Appends lines to ``record.jsonl``; a line that was cut by a crash is closed off first."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        cut = False
        if self.path.exists() and self.path.stat().st_size:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                cut = file.read(1) != b"\n"
        self._file = self.path.open("a", encoding="utf-8")
        if cut:
            self._file.write("\n")

    def scalars(
        self,
        step: int,
        values: Mapping[str, float],
        *,
        seconds: float,
        rate: float,
        examples: int,
        members: Mapping[str, list[float]] | None = None,
    ) -> None:
        """Add the scalars of one log interval.

        Args:
            step: Updates done so far.
            values: Means over the interval; non-finite ones are stored as null.
            seconds: Training time since the run's first start, pauses left out.
            rate: Training examples per second over the interval.
            examples: Training examples used since the run's first start.
            members: Where several seeds train side by side: each one's values, of which
                ``values`` are the means.
        """
        kept = {name: value if math.isfinite(value) else None for name, value in values.items()}
        line = {"kind": "scalars", "step": step, "seconds": round(seconds, 3)}
        line |= {"examples": examples, "images_per_second": round(rate, 1), "scalars": kept}
        if members:
            line["members"] = {
                name: [value if math.isfinite(value) else None for value in each]
                for name, each in members.items()
            }
        self._write(line)

    def event(self, step: int, event: str, detail: str = "") -> None:
        """Add something that happened: start, resume, checkpoint, samples, best, finished, ..."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._write(
            {"kind": "event", "step": step, "time": stamp, "event": event, "detail": detail}
        )

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class History:
    """A record as read back.

    Attributes:
        steps: Logged steps, rising.
        scalars: For each name the values at ``steps`` (None where missing or not finite).
        seconds: Training seconds at ``steps``.
        rate: Examples per second at ``steps``.
        examples: Training examples used up to ``steps``.
        members: For each name of several seeds' scalars, the list over members at ``steps``.
        events: Every event in the order in which it was written.
    """

    steps: list[int] = field(default_factory=list)
    scalars: dict[str, list[float | None]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)
    members: dict[str, list[list[float | None]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def readings(self, until: int | None = None) -> list[dict[str, list[tuple[int, float]]]]:
        """What symptoms read: each scalar's finite values by step, of each member where there are
        several.

        Args:
            until: The last step that counts; by default all do.
        """
        last = math.inf if until is None else until
        count = max((len(row) for rows in self.members.values() for row in rows), default=1)
        each: list[dict[str, list[tuple[int, float]]]] = [{} for _ in range(count)]
        for name, values in self.scalars.items():
            rows = self.members.get(name) or [[] for _ in self.steps]
            for step, value, row in zip(self.steps, values, rows, strict=True):
                own = row if len(row) == count else [value] * count
                for readings, one in zip(each, own, strict=True):
                    if step <= last and isinstance(one, int | float):
                        readings.setdefault(name, []).append((step, one))
        return each


def read_record(folder: Path) -> History:
    """Read ``record.jsonl``: lines that do not parse are skipped, the last line of a step wins.

    A resumed run repeats the steps after its checkpoint; the lines that the first try wrote
    beyond the resumed point give way to the new ones as these arrive.
    """
    lines: dict[int, dict[str, Any]] = {}
    events: list[dict[str, Any]] = []
    path = folder / NAME
    if path.exists():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue  # cut by a crash
            if not isinstance(line, dict):
                continue
            if line.get("kind") == "scalars":
                lines[int(line["step"])] = line
            elif line.get("kind") == "event":
                events.append(line)
    ordered = [lines[step] for step in sorted(lines)]
    names = dict.fromkeys(name for line in ordered for name in line["scalars"])
    return History(
        steps=[line["step"] for line in ordered],
        scalars={name: [line["scalars"].get(name) for line in ordered] for name in names},
        seconds=[line["seconds"] for line in ordered],
        rate=[line["images_per_second"] for line in ordered],
        examples=[line.get("examples", 0) for line in ordered],
        members={
            name: [line.get("members", {}).get(name, []) for line in ordered]
            for name in dict.fromkeys(n for line in ordered for n in line.get("members", {}))
        },
        events=events,
    )

"""What a report needs to know of a run, read from its directory alone.

Everything but ``run.json`` may be missing, unfinished or damaged: what cannot be read is None,
empty or a sentence in ``Summary.problems``.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from saddlepoint.errors import BadInput
from saddlepoint.run.description import FORMAT, NAME, check_format
from saddlepoint.symptoms.known import SYMPTOMS, Finding, findings
from saddlepoint.symptoms.symptom import seen

if TYPE_CHECKING:
    from saddlepoint.training.record import History

_ENDS = ("finished", "interrupted", "stopped")
_STEP = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class Event:
    """Something that happened at a step.

    Attributes:
        step: Updates done by then.
        name: start, resume, checkpoint, samples, best, interrupted, stopped, finished, ...
        time: UTC, like 2025-01-31T12:00:00Z; empty if not recorded.
        detail: A sentence or a path; may be empty.
    """

    step: int
    name: str
    time: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Curve:
    """A scalar over the steps at which it was logged; NaN where it was not finite.

    Of several seeds side by side, ``values`` are the means and ``members`` each seed's values, one
    row a step; empty for a single seed.
    """

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    members: tuple[tuple[float, ...], ...] = ()

    @property
    def last(self) -> float | None:
        """The last finite value."""
        return next((value for value in reversed(self.values) if math.isfinite(value)), None)


@dataclass(frozen=True)
class Frame:
    """A picture of samples and the step at which they were drawn."""

    step: int
    path: Path


@dataclass(frozen=True)
class Best:
    """The best checkpoint by a recorded scalar; mode is min or max."""

    step: int
    scalar: str
    value: float | None
    mode: str


@dataclass(frozen=True)
class State:
    """How the run stands.

    Attributes:
        kind: ``open`` means that no end is recorded: the run goes on or was killed.
        sentence: The same for people, with the reason if one is recorded.
    """

    kind: Literal["finished", "interrupted", "stopped", "open", "empty"]
    sentence: str


@dataclass(frozen=True)
class Summary:
    """A run as its directory tells it.

    Attributes:
        folder: The directory.
        given: The description as given.
        resolved: What it became on the machine.
        state: How the run stands.
        step: Updates done.
        target: Updates asked for, if recorded.
        seconds: Training seconds at each log line.
        rate: Training examples per second at each log line.
        examples: Training examples used up to the last log line.
        curves: The scalars, in the order in which they appeared.
        events: What happened, in order.
        frames: Pictures of samples by step.
        real: The picture of real examples.
        further: Other pictures of what was learned, by name.
        checkpoints: Steps with a checkpoint.
        best: The best checkpoint.
        symptoms: What went wrong, by step.
        watched: The symptoms whose scalars are recorded, so that their silence means something.
        problems: What could not be read, one sentence each.
    """

    folder: Path
    given: dict[str, object]
    resolved: dict[str, object]
    state: State
    step: int
    target: int | None
    seconds: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()
    examples: int = 0
    curves: tuple[Curve, ...] = ()
    events: tuple[Event, ...] = ()
    frames: tuple[Frame, ...] = ()
    real: Path | None = None
    further: Mapping[str, Path] = field(default_factory=dict)
    checkpoints: tuple[int, ...] = ()
    best: Best | None = None
    symptoms: tuple[Finding, ...] = ()
    watched: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def at(tree: object, *keys: str) -> object:
    """Walk down nested dictionaries; None where the way ends."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def number(value: object) -> float | None:
    """Return a finite number as float, anything else as None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def gather(folder: Path) -> Summary:
    """Read a run directory.

    Raises:
        BadInput: There is no readable ``run.json``, or it is of another format.
    """
    folder = Path(folder)
    run = _run_file(folder)
    problems = []
    check_format(run, folder / NAME)
    if run.get("format") != FORMAT:
        problems.append(
            f"run.json has the format {run.get('format', 'not recorded')}, and this version knows "
            f"{FORMAT}: something may be missing below."
        )
    given, resolved = at(run, "given"), at(run, "resolved")
    history, nulls, newest, problem = _record(folder)
    problems += [problem] if problem else []
    readings = history.readings()
    events = tuple(_event(line) for line in history.events)
    target = number(at(given, "training", "steps"))
    step = max(newest, 0)
    samples = folder / "samples"
    real = samples / "real.png"
    return Summary(
        folder=folder,
        given=given if isinstance(given, dict) else {},
        resolved=resolved if isinstance(resolved, dict) else {},
        state=_state(folder, events, bool(history.steps), step, target),
        step=step,
        target=None if target is None else int(target),
        seconds=tuple(number(value) or 0.0 for value in history.seconds),
        rate=tuple(_value(value) for value in history.rate),
        examples=history.examples[-1] if history.examples else 0,
        curves=_curves(history, nulls),
        events=events,
        frames=tuple(Frame(*pair) for pair in _numbered(samples, ".png")),
        real=real if real.is_file() else None,
        further={
            path.stem: path
            for path in sorted(samples.glob("*.png"))
            if path != real and not path.stem.startswith("step-")
        },
        checkpoints=tuple(step for step, _ in _numbered(folder / "checkpoints", "")),
        best=_best(folder / "checkpoints" / "best.json"),
        symptoms=tuple(findings(readings)),
        watched=tuple(name for name, each in SYMPTOMS.items() if seen(each, readings[0])),
        problems=tuple(problems),
    )


def _run_file(folder: Path) -> dict[str, object]:
    path = folder / "run.json"
    if not path.is_file():
        what = "has no run.json" if folder.is_dir() else "does not exist"
        raise BadInput(f"{folder} is no run: it {what}.")
    run = _json(path)
    if not isinstance(run, dict):
        raise BadInput(f"{folder} is no run: its run.json cannot be read as a JSON object.")
    return run


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _record(folder: Path) -> tuple[History, dict[int, set[str]], int, str]:
    """The history, the names that were not finite by step, the newest step, and a problem."""
    from saddlepoint.training.record import NAME, History, read_record

    try:
        history = read_record(folder)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        return History(), {}, 0, f"{NAME} cannot be read ({type(error).__name__}: {error})."
    # The history does not tell a value that was not finite from one that was not logged, nor
    # which line was written last; the lines do.
    nulls: dict[int, set[str]] = {}
    newest = 0
    if (folder / NAME).exists():
        for text in (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int):
                newest = line["step"]
                if line.get("kind") == "scalars":
                    values = line["scalars"]
                    nulls[newest] = {name for name, value in values.items() if value is None}
    return history, nulls, newest, ""


def _value(value: object) -> float:
    known = number(value)
    return math.nan if known is None else known


def _curves(history: History, nulls: dict[int, set[str]]) -> tuple[Curve, ...]:
    curves = []
    for name, values in history.scalars.items():
        each = history.members.get(name) or [[] for _ in history.steps]
        kept = [
            (step, _value(value), tuple(_value(v) for v in seeds))
            for step, value, seeds in zip(history.steps, values, each, strict=True)
            if value is not None or name in nulls.get(step, ())
        ]
        steps, kept_values, seeds = zip(*kept, strict=True) if kept else ((), (), ())
        whole = len({len(row) for row in seeds}) == 1 and len(seeds[0]) > 1
        curves.append(Curve(str(name), steps, kept_values, seeds if whole else ()))
    return tuple(curves)


def _event(line: dict[str, object]) -> Event:
    step = number(line.get("step"))
    return Event(
        step=0 if step is None else int(step),
        name=str(line.get("event", "not recorded")),
        time=str(line.get("time", "")),
        detail=str(line.get("detail", "")),
    )


def _state(
    folder: Path, events: tuple[Event, ...], logged: bool, step: int, target: float | None
) -> State:
    if not events and not logged:
        return State("empty", "Nothing is recorded yet.")
    place = f"step {step:,}" + (f" of {target:,.0f}" if target is not None else "")
    turns = [event for event in events if event.name in (*_ENDS, "start", "resume")]
    if turns and turns[-1].name in _ENDS:
        end = turns[-1]
        place = place.replace(f"{step:,}", f"{end.step:,}", 1)
        words = {"finished": "Finished", "interrupted": "Interrupted", "stopped": "Stopped itself"}
        detail = f": {end.detail.rstrip('.')}." if end.detail else "."
        return State(end.name, f"{words[end.name]} at {place}{detail}")  # type: ignore[arg-type]
    written = time.gmtime((folder / "record.jsonl").stat().st_mtime)
    stamp = time.strftime("%Y-%m-%d %H:%M UTC", written)
    return State(
        "open",
        f"Running, or killed: at {place}, no end is recorded. Last sign of life: {stamp}.",
    )


def _numbered(folder: Path, suffix: str) -> list[tuple[int, Path]]:
    """Entries named step-<number><suffix>, by number; what is being written has other names."""
    if not folder.is_dir():
        return []
    numbered = []
    for path in folder.iterdir():
        match = _STEP.fullmatch(path.name.removesuffix(suffix))
        if match and path.name.endswith(suffix):
            numbered.append((int(match[1]), path))
    return sorted(numbered)


def _best(path: Path) -> Best | None:
    best = _json(path) if path.is_file() else None
    step = number(at(best, "step"))
    if step is None:
        return None
    return Best(
        int(step), str(at(best, "scalar")), number(at(best, "value")), str(at(best, "mode"))
    )

"""Checkpoints: safetensors and JSON with digests, written aside, synced and renamed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from saddlepoint.errors import BadInput, RunStopped, command_line

FOLDER = "checkpoints"
TENSORS = "state.safetensors"
FACTS = "state.json"
BEST = "best.json"


@dataclass(frozen=True)
class Checkpoint:
    """A state read back.

    Attributes:
        step: Steps done.
        tensors: Every tensor by name.
        facts: What is not a tensor.
        digest: SHA-256 of the file of the tensors.
    """

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    digest: str


def path_of(run: Path, step: int) -> Path:
    """The folder of the checkpoint after ``step`` steps."""
    return run / FOLDER / f"step-{step:08d}"


def steps_of(run: Path) -> list[int]:
    """The steps of the checkpoints that are there, rising."""
    folders = (run / FOLDER).glob("step-*") if (run / FOLDER).is_dir() else []
    return sorted(int(p.name[5:]) for p in folders if re.fullmatch(r"[0-9]{8,18}", p.name[5:]))


def save(run: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Write a checkpoint; it appears whole or not at all.

    Raises:
        RunStopped: The disk is full or the folder cannot be written; older ones are untouched.
    """
    target = path_of(run, step)
    aside = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(plain, aside / TENSORS)
        _sync(aside / TENSORS)
        body = {"step": step, "digest": _digest(aside / TENSORS), "facts": dict(facts)}
        text = json.dumps({"sha256": _sha(body), "body": body}, indent=1)
        write_synced(aside / FACTS, text)
        shutil.rmtree(target, ignore_errors=True)  # an altered one of the same step
        aside.rename(target)
        _sync(target.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        kept = steps_of(run)
        last = f"the checkpoint of step {kept[-1]} is intact" if kept else "no earlier one exists"
        raise RunStopped(
            f"the checkpoint of step {step} could not be written to {target.parent} ({reason}); "
            f"{last}. Make room or make the folder writable, then "
            f"`{command_line('resume', run)}`."
        ) from error
    return target


def load(run: Path, step: int) -> Checkpoint:
    """Read and verify the checkpoint of ``step``.

    Raises:
        BadInput: It is missing, truncated or altered.
    """
    folder = path_of(run, step)
    try:
        read = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        body = read["body"]
        if read["sha256"] != _sha(body):
            raise BadInput(f"the checkpoint {folder} was altered: {FACTS} fails its digest.")
        if body["digest"] != _digest(folder / TENSORS):
            raise BadInput(
                f"the checkpoint {folder} is truncated or was altered: {TENSORS} fails its digest."
            )
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise BadInput(f"the checkpoint {folder} cannot be read: {_reason(error)}.") from error
    return Checkpoint(body["step"], tensors, body["facts"], body["digest"])


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f"{Path(error.filename).name}: " if error.filename else ""
        return f"{name}{error.strerror}"
    if isinstance(error, KeyError | TypeError | RecursionError):
        return f"{FACTS} is not as it was written"
    return str(error)


def load_newest(run: Path) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that is whole, and a sentence for each newer one that is not.

    Raises:
        BadInput: There is none.
    """
    complaints: list[str] = []
    for step in reversed(steps_of(run)):
        try:
            return load(run, step), complaints
        except BadInput as error:
            complaints.append(str(error))
    if complaints:
        raise BadInput(f"no checkpoint of {run} can be used: {' '.join(complaints)}")
    raise BadInput(f"{run} has no checkpoint.")


def foreign(run: Path, step: int, error: Exception) -> str:
    """The sentence for a checkpoint that the run's description does not fit."""
    said = [line.strip() for line in str(error).splitlines()]
    first = said[1] if len(said) > 1 and said[0].endswith(":") else said[0] if said else ""
    return (
        f"the checkpoint of step {step} in {run} does not belong to this description "
        f"({first.rstrip('. ')}): put back the run.json that it began with."
    )


def prune(run: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints and the best one."""
    best = read_best(run)
    for step in steps_of(run)[:-keep]:
        if best is None or step != best["step"]:
            shutil.rmtree(path_of(run, step), ignore_errors=True)


def read_best(run: Path) -> dict[str, Any] | None:
    """What ``best.json`` says: step, scalar, value and mode; None if there is none."""
    path = run / FOLDER / BEST
    try:
        best = json.loads(path.read_text(encoding="utf-8"))
        whole = (
            type(best["step"]) is int
            and isinstance(best["scalar"], str)
            and type(best["value"]) in (int, float)
            and best["mode"] in ("min", "max")
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return best if whole else None


def offer_best(run: Path, step: int, scalar: str, value: float, mode: str) -> bool:
    """Point ``best.json`` at ``step`` if ``value`` is better than what it points at now."""
    now = read_best(run)
    if now is not None and (value >= now["value"] if mode == "min" else value <= now["value"]):
        return False
    text = json.dumps({"step": step, "scalar": scalar, "value": value, "mode": mode})
    replace_text(run / FOLDER / BEST, text)
    return True


def replace_text(path: Path, text: str) -> None:
    """Write ``path`` aside, sync and rename, so that readers see the old or the new text."""
    aside = path.with_name(f".{path.name}.partial")
    write_synced(aside, text)
    aside.replace(path)


def write_synced(path: Path, text: str) -> None:
    """Write ``text`` and wait until the disk has it."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

"""The run directory: who may write to it, and what ``run.json`` says."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import ConfigDict, Field, field_validator

from saddlepoint.data.array import OWN_DATA
from saddlepoint.data.bounds import too_many_values
from saddlepoint.data.info import DataInfo
from saddlepoint.data.manifest import MANIFEST_NAME
from saddlepoint.description import Description, validated
from saddlepoint.errors import BadInput, RunStopped, command_line
from saddlepoint.outputs import check_writable, is_empty
from saddlepoint.run.description import FORMAT, GROUP, NAME, Run, check_format, read_json, read_run
from saddlepoint.run.own_parts import MissingImport
from saddlepoint.training.checkpoint import replace_text
from saddlepoint.version import VERSION

#: Sub-folders of a run directory.
PARTS = ("samples", "checkpoints")
LOCK = ".lock"


class _Resolved(Description):
    """What is read of a run's ``resolved`` must be there; the rest is left as it is."""

    model_config = ConfigDict(extra="ignore")

    device: str
    precision: Literal["float32", "bfloat16"]
    threads: int = Field(strict=True, ge=1, le=4096)
    versions: dict[str, str]
    batch_size: int = Field(strict=True, ge=1)
    steps: int = Field(strict=True, ge=1)
    horizon: int = Field(strict=True, ge=1)
    data: DataInfo

    @field_validator("data")
    @classmethod
    def _fits(cls, data: DataInfo) -> DataInfo:
        axes = {"vectors": 1, "sequences": 2, "images": 3}[data.form]
        if len(data.shape) != axes or min(data.shape) < 1:
            raise ValueError(f"{data.form} of the shape {data.shape}: they have {axes} axes")
        if len(data.class_counts) not in (0, len(data.classes)):
            raise ValueError("there are more or fewer counts of classes than classes")
        if problem := too_many_values(data.shape):
            raise ValueError(problem)
        if len(data.centre) not in (0, data.shape[0]):
            raise ValueError("the centre has another length than the vectors")
        if (
            not {"train", "validation", "test"} <= data.counts.keys()
            or min(data.counts.values()) < 0
        ):
            raise ValueError("the counts of the splits are not complete")
        return data


@dataclass(frozen=True)
class Stored:
    """A run as its directory describes it.

    Attributes:
        run: The description as given.
        resolved: What it came to: device, precision, threads, versions, batch size, steps,
            horizon, data, parameters.
        data: What is known of the data.
    """

    run: Run
    resolved: dict[str, Any]
    data: DataInfo


def is_group(folder: Path) -> bool:
    """Whether a folder holds one run directory a seed."""
    return (folder / GROUP).is_file()


def is_run(folder: Path) -> bool:
    """Whether a folder is a run directory, or that of a group."""
    return (folder / NAME).is_file() or is_group(folder)


def read_group(folder: Path) -> Run:
    """The description of a group, with the number of its seeds.

    Raises:
        BadInput: ``group.json`` is damaged or of another format.
    """
    return read_run(folder / GROUP)


def of_seeds(folder: Path) -> tuple[Path, ...]:
    """The run directories of a group, by seed, whether they have begun or not.

    Raises:
        BadInput: ``group.json`` is damaged or of another format.
    """
    run = read_group(folder)
    return tuple(folder / f"seed-{run.seed + number}" for number in range(run.seeds))


def any_seed(folder: Path) -> Path:
    """The first run directory of a group that has begun; a run's own is given back.

    Raises:
        BadInput: No seed of the group has begun.
    """
    if not is_group(folder):
        return folder
    for each in of_seeds(folder):
        if (each / NAME).is_file():
            return each
    raise BadInput(
        f"no seed of {folder} has begun: `{command_line('resume', folder)}` starts them."
    )


def read(folder: Path) -> Stored:
    """Read a run directory's description; that of a group tells of the first of its seeds.

    Raises:
        BadInput: It is no run directory, or its description is damaged or of another format.
    """
    if is_group(folder):
        first = read(any_seed(folder))
        return Stored(read_group(folder), first.resolved, first.data)
    if not (folder / NAME).is_file():
        what = "does not exist" if not folder.exists() else f"holds no {NAME}"
        raise BadInput(f"{folder} is no run: it {what}. Start one with `saddlepoint train`.")
    written = read_json(folder / NAME)
    check_format(written, folder / NAME)
    if "given" not in written or "resolved" not in written:
        raise BadInput(f"{folder / NAME} is a description without the record of a run.")
    try:
        run = validated(Run, written["given"])
        resolved = validated(_Resolved, written["resolved"])
    except MissingImport:
        raise
    except BadInput as error:
        raise BadInput(f"{folder / NAME} is damaged: {error}") from error
    return Stored(run=run, resolved=written["resolved"], data=resolved.data)


def write(folder: Path, run: Run, resolved: dict[str, Any]) -> None:
    """Write ``run.json``."""
    whole = {"format": FORMAT, "given": run.model_dump(mode="json"), "resolved": resolved}
    replace_text(folder / NAME, json.dumps(whole, indent=2))


def write_group(folder: Path, run: Run) -> None:
    """Write ``group.json``: the description with the number of its seeds, and these."""
    seeds = list(range(run.seed, run.seed + run.seeds))
    whole = {"format": FORMAT, "given": run.model_dump(mode="json"), "seeds": seeds}
    replace_text(folder / GROUP, json.dumps(whole, indent=2))


def versions() -> dict[str, str]:
    """What the bits of a run depend on besides its description."""
    return {
        "saddlepoint": VERSION,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def check_free(folder: Path) -> None:
    """Refuse a directory in which no new run can be.

    Raises:
        BadInput: It holds another run, or other things.
    """
    if is_run(folder):
        raise BadInput(
            f"{folder} holds a run already: continue it with `{command_line('resume', folder)}`, "
            "or choose another --out."
        )
    if folder.exists() and (not folder.is_dir() or not is_empty(folder)):
        raise BadInput(f"{folder} exists and is not an empty folder: choose another --out.")


def prepare(folder: Path, parts: Sequence[str] = PARTS) -> None:
    """Make the directory of a new run, with its folders.

    Raises:
        BadInput: It holds another run, or other things.
        RunStopped: It cannot be made.
    """
    check_free(folder)
    try:
        for place in (folder, *(folder / part for part in parts)):
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunStopped(
            f"cannot make the folder {folder} ({error.strerror}): choose another --out."
        ) from error


def remove_parts(folder: Path) -> None:
    """Remove what was made for a run that never began."""
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (LOCK, OWN_DATA, MANIFEST_NAME):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def lock(folder: Path, parts: Sequence[str] = PARTS) -> Iterator[None]:
    """Keep a second process from training in the same directory.

    Args:
        folder: The directory.
        parts: Its folders that are written to.

    Raises:
        BadInput: Another process trains there now.
        RunStopped: The directory cannot be written.
    """
    for place in (folder, *(folder / part for part in parts)):
        check_writable(place, option="")
    try:
        import fcntl
    except ImportError:  # no such lock on Windows
        yield
        return
    try:
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise RunStopped(f"cannot write to {folder} ({error.strerror}).") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(
                f"another process is training in {folder}: wait for it or stop it first."
            ) from error
        yield


def is_training(folder: Path) -> bool:
    """Whether a process trains in the directory now, as far as this system can tell."""
    try:
        import fcntl

        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def before_first_checkpoint(folder: Path, stored: Stored) -> str:
    """The sentence for a run that cannot be looked at yet."""
    due = min(stored.run.training.checkpoint_every, int(stored.resolved["steps"]))
    first = (
        f"{folder} has no checkpoint yet: the first is due at step {due:,} "
        "(--training.checkpoint-every)"
    )
    if is_training(folder):
        return f"{first}. It is training now: wait for that step."
    return f"{first}, and the run was stopped before: `{command_line('resume', folder)}` goes on."


def free_name(run: Run) -> Path:
    """The first unused ``runs/NAME-N`` for a run without an --out."""
    stem = f"{run.recipe or run.learner.kind}-{run.data.kind}"
    number = 1
    while (path := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return path

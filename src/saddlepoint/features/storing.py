"""Tensors with their facts in one file: safetensors, the facts as JSON in its header.

One file appears whole or not at all, because it is written aside, synced and renamed; and what
was altered since is noticed, because the header holds a digest of everything else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

SUFFIX = ".safetensors"


class DamagedError(Exception):
    """A stored file that is not what was written; the message is the reason."""


@dataclass(frozen=True)
class Stored:
    """What a file holds.

    Attributes:
        tensors: By name, on the CPU.
        facts: Whatever JSON can say.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
    """Store ``tensors`` and ``facts`` at ``path``.

    Raises:
        OSError: The folder cannot be written or the disk is full; an older file is untouched.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(dict(facts), sort_keys=True)
    header = {"facts": text, "sha256": digest(plain, text)}
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is this process's own, so that two may write the same file at the same time.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        save_file(plain, aside, header)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        aside.unlink(missing_ok=True)


def read(path: Path) -> Stored | None:
    """What ``path`` holds; None if there is no such file.

    Raises:
        DamagedError: It cannot be read, or is not what was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(header["facts"])
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    if header.get("sha256") != digest(tensors, header["facts"]):
        raise DamagedError("its digest differs")
    return Stored(tensors, facts)


def digest(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """SHA-256 over names, shapes, types and bytes of ``tensors`` and over ``text``."""
    hashed = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        hashed.update(f"{name};{tuple(tensor.shape)};{tensor.dtype};".encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def discard(path: Path) -> None:
    """Remove a file if it can be removed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

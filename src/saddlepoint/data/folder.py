"""A folder of images: looked at, made alike, and held in memory or streamed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.data.array_images import MIN_SIDE
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.description import Folder
from saddlepoint.data.folder_notes import notes_on
from saddlepoint.data.listing import find_images, folder_labels, shown
from saddlepoint.data.manifest import (
    MANIFEST_NAME,
    Entry,
    Manifest,
    check_unchanged,
    load_manifest,
)
from saddlepoint.data.pictures import Header, Rendering, UndecodableError, read_header, render
from saddlepoint.data.resident import Examples, ResidentDataset
from saddlepoint.data.streaming import StreamingDataset
from saddlepoint.data.working import in_order, threads_for_files
from saddlepoint.errors import BadInput

# Without a size asked for, images that agree keep theirs up to OWN_SIZE_UP_TO, others get
# DEFAULT_SIDE.
_OWN_SIZE_UP_TO = 128
_DEFAULT_SIDE = 64

Problems = dict[str, str]


def open_folder(description: Folder, keep: Path | None) -> Dataset:
    """Open a folder of images.

    Args:
        description: The folder and how its images are made alike.
        keep: Where a streamed folder keeps its manifest. A manifest found there means that the
            run has begun: the folder must be unchanged, and is streamed again.

    Raises:
        BadInput: No images, none or (if strict) not all of them readable, too few, too small a
            size, or a folder changed since the run began.
    """
    root = description.path.expanduser()
    name = shown(root.resolve().name) or "folder"
    paths = find_images(root)
    settings = description.model_dump(
        mode="json", include={"size", "resize", "channels", "background", "labels"}
    )
    stored = keep / MANIFEST_NAME if keep is not None else None
    if stored is not None and stored.is_file():
        manifest = load_manifest(stored)
        check_unchanged(manifest, settings, root, paths)
        return StreamingDataset(name, root, manifest, description)
    headers, problems = _look_at(root, paths)
    if not headers:
        _refuse_damage(description, root, problems, len(paths))
    rendering = choose_rendering(description, list(headers.values()))
    needed = len(headers) * rendering.height * rendering.width * rendering.channels
    if needed <= description.memory_gib * 2**30:
        return _resident(name, root, description, headers, problems)
    manifest = _scan(root, paths, description, settings, headers, problems)
    dataset = StreamingDataset(name, root, manifest, description)
    if stored is not None:
        manifest.save(stored)
    return dataset


def choose_rendering(description: Folder, headers: Sequence[Header]) -> Rendering:
    """Decide size and channels from the description and the images' headers.

    Raises:
        BadInput: A side of the size is shorter than 8 pixels.
    """
    sizes = {(header.height, header.width) for header in headers}
    if description.size is None:
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > _OWN_SIZE_UP_TO:
            height = width = _DEFAULT_SIDE
    elif isinstance(description.size, int):
        height = width = description.size
    else:
        height, width = description.size
    if min(height, width) < MIN_SIDE:
        raise BadInput(
            f"images of {height}×{width} pixels are too small to train at, a side needs at least "
            f"{MIN_SIDE}: pass a larger size, for example size={_DEFAULT_SIDE}."
        )
    channels = description.channels
    if channels == "auto":
        channels = 1 if all(header.grey for header in headers) else 3
    return Rendering(height, width, int(channels), description.resize, description.background)


def _look_at(root: Path, paths: Sequence[str]) -> tuple[dict[str, Header], Problems]:
    def look(path: str) -> Header | str:
        try:
            return read_header(root / path)
        except UndecodableError as error:
            return str(error)

    headers: dict[str, Header] = {}
    problems: Problems = {}
    found = in_order(look, paths, threads_for_files(), "looking at images")
    for path, header in zip(paths, found, strict=True):
        if isinstance(header, str):
            problems[path] = header
        else:
            headers[path] = header
    return headers, problems


def _refuse_damage(description: Folder, root: Path, problems: Problems, total: int) -> None:
    """Refuse damaged files if strict, and always if there are no others."""
    if not problems or (len(problems) < total and not description.strict):
        return
    first = min(problems)
    named = f"{shown(str(root / first))} ({problems[first]})"
    if len(problems) == total:
        raise BadInput(
            f"none of the {total:,} image file(s) in {root} can be decoded, the first is {named}: "
            "replace them or give another folder."
        )
    raise BadInput(
        f"{len(problems):,} of {total:,} image files cannot be decoded, the first is {named}: "
        "replace or remove them, or leave strict off to skip them."
    )


def _resident(
    name: str,
    root: Path,
    description: Folder,
    headers: dict[str, Header],
    problems: Problems,
) -> ResidentDataset:
    """Decode every image into one array."""
    total = len(headers) + len(problems)
    while True:
        paths = list(headers)
        rendering = choose_rendering(description, list(headers.values()))
        size = (rendering.height, rendering.width, rendering.channels)
        pixels = np.empty((len(paths), *size), dtype=np.uint8)
        good = np.ones(len(paths), dtype=bool)
        wanted = rendering

        def decode(
            item: tuple[int, str], wanted: Rendering = wanted, out: Any = pixels
        ) -> str | None:
            try:
                out[item[0]] = render(root / item[1], wanted)
            except UndecodableError as error:
                return str(error)
            return None

        items = list(enumerate(paths))
        results = in_order(decode, items, threads_for_files(), "decoding images")
        for (row, path), problem in zip(items, results, strict=True):
            if problem is not None:
                good[row] = False
                problems[path] = problem
                del headers[path]
        _refuse_damage(description, root, problems, total)
        if good.all():
            break
        # A damaged file must not decide the size or the channels of the others.
        if choose_rendering(description, list(headers.values())) == rendering:
            pixels = pixels[good]
            break
    notes = notes_on(list(headers.values()), rendering, problems, total)
    examples = Examples(pixels, notes=notes)
    if description.labels:
        classes, labels, label_notes = folder_labels(list(headers), root)
        examples = Examples(pixels, labels, classes, notes + label_notes)
    return ResidentDataset(name, examples, description.split, description.flip)


def _scan(
    root: Path,
    paths: Sequence[str],
    description: Folder,
    settings: dict[str, Any],
    headers: dict[str, Header],
    problems: Problems,
) -> Manifest:
    """Read and decode every file once, to know which are good and what they are."""
    trial = choose_rendering(description, list(headers.values()))

    def scan(path: str) -> Entry:
        problem = problems.get(path, "")
        try:
            status = (root / path).stat()
            content = (root / path).read_bytes()
        except OSError as error:
            status = (root / path).lstat()
            problem = problem or error.strerror or "unreadable"
            return Entry(path, status.st_size, status.st_mtime_ns, "", problem, -1)
        if not problem:
            try:
                render(content, trial)
            except UndecodableError as error:
                problem = str(error)
        digest = hashlib.sha256(content).hexdigest()
        return Entry(path, status.st_size, status.st_mtime_ns, digest, problem, -1)

    entries = list(in_order(scan, paths, threads_for_files(), "checking images"))
    for entry in entries:
        if entry.problem:
            problems[entry.path] = entry.problem
            headers.pop(entry.path, None)
    _refuse_damage(description, root, problems, len(paths))
    rendering = choose_rendering(description, list(headers.values()))
    notes = notes_on(list(headers.values()), rendering, problems, len(paths))
    classes: tuple[str, ...] = ()
    if description.labels:
        good = [entry.path for entry in entries if not entry.problem]
        classes, labels, label_notes = folder_labels(good, root)
        number = dict(zip(good, labels.tolist(), strict=True))
        notes += label_notes
        entries = [
            Entry(e.path, e.size, e.mtime_ns, e.sha256, e.problem, number.get(e.path, -1))
            for e in entries
        ]
    return Manifest(settings, rendering, classes, notes, tuple(entries))

"""A folder or archive of images: looked at, made alike, and held in memory or streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.bounds import check_memory
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.decoding import Facts, Header, UndecodableError, render_with_facts
from saddlepoint.data.file_digests import FileDigests
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.folder import Folder
from saddlepoint.data.folder_notes import notes_on
from saddlepoint.data.labels import folder_labels, folders_without_labels
from saddlepoint.data.limiting import limit_note
from saddlepoint.data.listing import list_images
from saddlepoint.data.manifest import (
    MANIFEST_NAME,
    Entry,
    Manifest,
    check_unchanged,
    load_manifest,
)
from saddlepoint.data.resident import Examples, ResidentDataset
from saddlepoint.data.streaming import StreamingDataset
from saddlepoint.data.survey import (
    DEFAULT_SIDE,
    Problems,
    Survey,
    choose_rendering,
    look_at,
    refuse_damage,
    survey,
    within_limit,
)
from saddlepoint.data.tree import Status, Tree, open_tree
from saddlepoint.data.working import in_order, threads_for_files

__all__ = ["Survey", "open_folder", "survey"]


def open_folder(description: Folder, keep: Path | None) -> Dataset:
    """Open a folder or archive of images.

    Args:
        description: The folder and how its images are made alike.
        keep: Where a streamed folder keeps its manifest. A manifest found there means that the
            run has begun: the folder must be unchanged, and is streamed again.

    Raises:
        BadInput: No images, none or (if strict) not all of them readable, too few, too small or
            too large a size, or a folder changed since the run began.
    """
    tree = open_tree(description.path)
    listing = list_images(tree, strict=description.strict)
    names = within_limit(listing.images, description)
    settings = description.model_dump(
        mode="json",
        include={
            *("size", "resize", "channels", "background", "labels"),
            *("bits", "label_level", "limit"),
        },
    )
    stored = keep / MANIFEST_NAME if keep is not None else None
    if stored is not None and stored.exists():
        manifest = load_manifest(stored)
        check_unchanged(manifest, settings, tree, listing.images)
        return StreamingDataset(tree, manifest, description)
    headers, problems = look_at(tree, names)
    if not headers:
        refuse_damage(description, tree, problems, len(names))
    rendering = choose_rendering(description, list(headers.values()))
    needed = len(headers) * rendering.height * rendering.width * rendering.channels
    opening = _Opening(tree, description, names, listing.passed_over, len(listing.images))
    if needed <= description.memory_gib * 2**30:
        check_memory(
            needed,
            f"the {len(headers):,} decoded images need",
            "lower memory_gib, so that they are streamed, or the size",
        )
        return opening.resident(headers, problems)
    manifest = opening.scan(settings, headers, problems)
    dataset = StreamingDataset(tree, manifest, description)
    if stored is not None:
        manifest.save(stored)
    return dataset


class _Opening:
    """What both ways of opening need to know of the folder."""

    def __init__(
        self, tree: Tree, description: Folder, names: Sequence[str], passed_over: str, listed: int
    ) -> None:
        self._tree, self._description, self._names = tree, description, names
        self._passed_over, self._listed = passed_over, listed

    def resident(self, headers: dict[str, Header], problems: Problems) -> ResidentDataset:
        """Decode every image into one array."""
        description, total = self._description, len(self._names)
        facts: dict[str, Facts] = {}
        digests: dict[str, str] = {}
        while True:
            names = list(headers)
            rendering = choose_rendering(description, list(headers.values()))
            size = (rendering.height, rendering.width, rendering.channels)
            pixels = np.empty((len(names), *size), dtype=np.uint8)
            good = np.ones(len(names), dtype=bool)
            now = rendering

            def decode(
                item: tuple[int, str], now: Rendering = now, out: NDArray[np.uint8] = pixels
            ) -> Facts | str:
                try:
                    source, digests[item[1]] = self._tree.content(item[1])
                    out[item[0]], seen = render_with_facts(source, now)
                except (UndecodableError, OSError) as error:
                    return str(error)
                return seen

            items = list(enumerate(names))
            results = in_order(decode, items, threads_for_files(), "decoding images")
            for (row, name), result in zip(items, results, strict=True):
                if isinstance(result, Facts):
                    facts[name] = result
                    continue
                good[row] = False
                problems[name] = result
                del headers[name]
            refuse_damage(description, self._tree, problems, total)
            if good.all():
                break
            # A damaged file must not decide the size or the channels of the others.
            if choose_rendering(description, list(headers.values())) == rendering:
                pixels = pixels[good]
                break
        names = list(headers)
        notes = notes_on(
            list(headers.values()),
            [facts[name] for name in names],
            rendering,
            free_channels=description.channels == "auto",
            problems=problems,
            total=total,
            passed_over=self._passed_over,
        )
        classes, labels, more = self._labels(names)
        files = FileDigests(rendering, tuple(digests[name] for name in names))
        examples = Examples(pixels, labels, classes, notes + more, files=files)
        return ResidentDataset(
            self._tree.name,
            examples,
            description.split,
            description.flip,
            description.label_share,
        )

    def scan(
        self, settings: dict[str, object], headers: dict[str, Header], problems: Problems
    ) -> Manifest:
        """Read and decode every file once, to know which are good and what they are."""
        # Small, since only decoding can fail: at any size the same files are good.
        trial = replace(
            choose_rendering(self._description, list(headers.values())),
            height=DEFAULT_SIDE,
            width=DEFAULT_SIDE,
        )

        def scan(name: str) -> tuple[Entry, Facts | None]:
            problem, seen = problems.get(name, ""), None
            status = Status(0, 0)
            try:
                status = self._tree.status(name)
                source, digest = self._tree.content(name)
            except OSError as error:
                problem = problem or error.strerror or str(error) or "unreadable"
                return Entry(name, status.size, status.stamp, "", problem, -1), None
            if not problem:
                try:
                    _, seen = render_with_facts(source, trial)
                except UndecodableError as error:
                    problem = str(error)
            return Entry(name, status.size, status.stamp, digest, problem, -1), seen

        entries: list[Entry] = []
        facts: list[Facts] = []
        for entry, seen in in_order(scan, self._names, threads_for_files(), "checking images"):
            entries.append(entry)
            if seen is not None:
                facts.append(seen)
            if entry.problem:
                problems[entry.path] = entry.problem
                headers.pop(entry.path, None)
        refuse_damage(self._description, self._tree, problems, len(entries))
        rendering = choose_rendering(self._description, list(headers.values()))
        notes = notes_on(
            list(headers.values()),
            facts,
            rendering,
            free_channels=self._description.channels == "auto",
            problems=problems,
            total=len(entries),
            passed_over=self._passed_over,
        )
        good = [entry.path for entry in entries if not entry.problem]
        classes, labels, more = self._labels(good)
        if labels is not None:
            number = dict(zip(good, labels.tolist(), strict=True))
            entries = [
                Entry(e.path, e.size, e.stamp, e.sha256, e.problem, number.get(e.path, -1))
                for e in entries
            ]
        return Manifest(settings, rendering, classes, notes + more, tuple(entries))

    def _labels(self, good: Sequence[str]) -> tuple[tuple[str, ...], Any, tuple[str, ...]]:
        """Classes, labels (or None) and what else is to be said of the good files."""
        description = self._description
        limited: tuple[str, ...] = ()
        if len(self._names) < self._listed:
            limited = (limit_note(len(self._names), self._listed, description.split.seed),)
        if not description.labels:
            return (), None, limited + folders_without_labels(good)
        classes, labels, notes = folder_labels(good, self._tree.root, description.label_level)
        return classes, labels, limited + notes

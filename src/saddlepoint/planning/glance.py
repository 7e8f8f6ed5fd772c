"""A look at the data before anything is trained, in seconds: what there is, and some of it decoded.

Of a folder the headers of all pictures are read, of very many those of a random choice; then a
random choice of the pictures is decoded at the size in question, as training would decode them.
How many is a function of the headers alone, so that two glances at one folder are the same on
every machine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.decoding import Facts, Header, UndecodableError, render_with_facts
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.folder import Folder
from saddlepoint.data.folder_notes import notes_on
from saddlepoint.data.limiting import chosen
from saddlepoint.data.listing import Listing, list_images
from saddlepoint.data.source import DataSource
from saddlepoint.data.splitting import counts
from saddlepoint.data.survey import (
    choose_rendering,
    look_at,
    refuse_damage,
    within_limit,
)
from saddlepoint.data.tree import Tree, open_tree, shown
from saddlepoint.data.working import in_order, threads_for_files
from saddlepoint.errors import BadInput

#: Most headers read: of more pictures, those of a random choice. 20,000 take two seconds.
MOST_HEADERS = 20_000
#: Most pictures decoded; fewer where they are large, but so many in any case.
MOST_DECODED, LEAST_DECODED = 2_000, 300
_PIXELS = 10**9  # in the files that are decoded, all together: some ten seconds of one core
_BYTES = 2**28  # of the decoded pictures
_TIMED = 16
_THUMBNAIL = 16

Sizes = Counter[tuple[int, int]]
Size = int | tuple[int, int]


@dataclass(frozen=True, eq=False)
class Glance:
    """What a look at the data found.

    Attributes:
        description: The source as it was looked at, the size included if one was chosen.
        total: How many images there are; of a folder, less those that were found to be damaged.
        counts: How many of them each split has; of a folder by the shares.
        images: Some of them as training would see them, uint8 (n, channels, height, width): all
            of them, or a random choice.
        names: Of a folder the file of each of ``images``; else empty.
        labels: int64 (n,), negative where unknown; None where labels are not in use.
        sizes: Of a folder how many files have each (height, width), of those whose header was
            read; else None.
        surveyed: How many headers were read; 0 if there are none.
        grey: Whether every one is grey by its header; of an array, whether it has one channel.
        smallest: At most three files whose shorter side is the shortest.
        transparent: How many of the decoded have pixels that are not opaque.
        unreadable: How many of the surveyed or decoded files are damaged.
        classes: Images in each sub-folder of the level that would name the labels (over all
            files, the top level if nothing else was asked for); else the training examples of
            each class.
        deeper: The same of the sub-folders one level below; of a folder alone.
        loose: Images of a folder that lie in no such sub-folder.
        seconds_a_decode: Of a folder the median time to read and decode one picture by one thread.
        notes: What would be done to the pictures that were decoded, one sentence each.
        official_test: Whether the test split is a test set that comes with the data.
        seconds: How long the glance took.
    """

    description: DataSource
    total: int
    counts: Mapping[str, int]
    images: NDArray[np.uint8]
    names: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    sizes: Sizes | None = None
    surveyed: int = 0
    grey: bool = False
    smallest: tuple[str, ...] = ()
    transparent: int = 0
    unreadable: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    deeper: dict[str, int] = field(default_factory=dict)
    loose: int = 0
    seconds_a_decode: float | None = None
    notes: tuple[str, ...] = ()
    official_test: bool = False
    seconds: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) at which the images were looked at."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def folder(self) -> Folder | None:
        """The folder, where the source is one."""
        return self.description if isinstance(self.description, Folder) else None

    @property
    def sample(self) -> str:
        """Which images were decoded, at the end of ``so many of``: ``300 images``."""
        return f"{len(self.images):,} images{'' if self.whole else ' looked at'}"

    @property
    def whole(self) -> bool:
        """Whether every image was decoded."""
        return len(self.images) >= self.total

    @property
    def looked(self) -> str:
        """What was looked at, in a sentence that says what was not."""
        _, height, width = self.shape
        n = "all" if self.whole else f"{len(self.images):,}, a random choice,"
        headers = ""
        if self.sizes is not None and self.surveyed < self.total:
            headers = f", and the headers of {self.surveyed:,}"
        return f"Looked at {n} of {self.total:,} images at {height}×{width}{headers}."

    @cached_property
    def thumbnails(self) -> NDArray[np.float32]:
        """The images averaged to at most 16×16 pixels, float32 (n, channels, h, w) in 0..255."""
        import torch
        from torch.nn import functional

        _, height, width = self.shape
        sides = (min(_THUMBNAIL, height), min(_THUMBNAIL, width))
        parts = [
            functional.adaptive_avg_pool2d(torch.from_numpy(part).float(), sides)
            for part in np.array_split(self.images, max(1, len(self.images) // 256))
        ]
        return np.asarray(torch.cat(parts).numpy())

    def named(self, rows: Sequence[int]) -> str:
        """At most three of the images by their files, for sentences; "" where there are none."""
        return short([self.names[row] for row in rows[:3]] if self.names else [])


def glance(source: DataSource, *, size: Size | Callable[[Sizes], Size] | None = None) -> Glance:
    """Look at the data.

    Args:
        source: The data; their limit counts.
        size: The size to look at a folder's pictures at, or what chooses it from the sizes of the
            files; by default what the folder's description says. Of data that have a size, None.

    Raises:
        BadInput: The data cannot be opened, are no images, or have a size already.
    """
    began = time.perf_counter()
    if isinstance(source, Folder):
        return _of_folder(source, size, began)
    if size is not None:
        raise BadInput(f"{source.place} has a size of its own, so none can be chosen.")
    dataset = source.open()
    info = dataset.info
    if not info.images:
        raise BadInput(f"{source.place} holds no images but {info.form}: a glance is for images.")
    import torch

    from saddlepoint.drawing import to_uint8

    batch = dataset.take("train", MOST_DECODED, torch.device("cpu"))
    labels = None
    if batch.label is not None:
        known = batch.label if batch.labelled is None else batch.label.where(batch.labelled, -1)
        labels = known.numpy().astype(np.int64)
    return Glance(
        description=source,
        total=sum(info.counts.values()),
        counts=info.counts,
        official_test=info.official_test,
        images=to_uint8(batch.x.numpy()),
        labels=labels,
        grey=info.shape[0] == 1,
        classes=dict(zip(info.classes, info.class_counts, strict=False)),
        notes=info.notes,
        seconds=time.perf_counter() - began,
    )


def outside_of_classes(folder: Folder) -> tuple[int, int]:
    """How many pictures of a folder lie in no sub-folder of the label's level, and how many lie
    there at all; none is opened.
    """
    listing = list_images(open_tree(folder.path), strict=folder.strict)
    names = within_limit(listing.images, folder)
    return _folders(names, folder.label_level)[1], len(names)


def short(names: Sequence[str]) -> str:
    """Names of files without their folders, where that tells them apart."""
    names = [shown(name) for name in names]
    last = [PurePosixPath(name).name for name in names]
    return ", ".join(last if len(set(last)) == len(last) else names)


def _of_folder(folder: Folder, size: Size | Callable[[Sizes], Size] | None, began: float) -> Glance:
    tree = open_tree(folder.path)
    listing = list_images(tree, strict=folder.strict)
    names = within_limit(listing.images, folder)
    surveyed = _some(names, MOST_HEADERS, folder)
    headers, problems = look_at(tree, surveyed)
    refuse_damage(folder, tree, problems, len(surveyed))
    sizes: Sizes = Counter((header.height, header.width) for header in headers.values())
    if callable(size):
        size = size(sizes)
    if size is not None:
        folder = folder.replace(size=size)
    rendering = choose_rendering(folder, list(headers.values()))
    affordable = _some(names, _affordable(sizes, rendering), folder)
    looked = [name for name in affordable if name in headers]
    decoded = _decoded(tree, looked, rendering, headers, problems)
    if not decoded.names:
        raise BadInput(
            f"none of the {len(looked):,} image file(s) in {tree.root} that were looked at can be "
            "decoded: replace them or give another folder."
        )
    good = [name for name in names if name not in problems]
    classes, loose = _folders(good, folder.label_level)
    number = {name: index for index, name in enumerate(sorted(classes))}
    labels = None
    if folder.labels:
        found = [_at_level(name, folder.label_level) for name in decoded.names]
        labels = np.array([-1 if each is None else number[each] for each in found], np.int64)
    return Glance(
        description=folder,
        total=len(good),
        counts=counts(len(good), folder.split),
        images=decoded.images,
        names=tuple(decoded.names),
        labels=labels,
        sizes=sizes,
        surveyed=len(surveyed),
        grey=all(header.grey for header in headers.values()),
        smallest=tuple(sorted(headers, key=lambda name: _shorter(headers[name]))[:3]),
        transparent=sum(facts.transparent for facts in decoded.facts),
        unreadable=len(problems),
        classes={shown(name): classes[name] for name in sorted(classes)},
        deeper=dict(sorted(_folders(good, folder.label_level + 1)[0].items())),
        loose=loose,
        seconds_a_decode=_seconds_a_decode(tree, decoded.names, rendering),
        notes=_notes(folder, decoded, rendering, headers, problems, listing, names),
        seconds=time.perf_counter() - began,
    )


def _shorter(header: Header) -> int:
    return min(header.height, header.width)


def _some(names: list[str], most: int, folder: Folder) -> list[str]:
    """A random choice that ``limit`` would make; a smaller one is a part of a larger one."""
    kept = chosen(len(names), most, folder.split.seed)
    return names if kept is None else [names[index] for index in kept]


def _affordable(sizes: Sizes, rendering: Rendering) -> int:
    """How many pictures are decoded: fewer of large ones, and what memory has room for."""
    pixels = sum(height * width * count for (height, width), count in sizes.items())
    mean = pixels / sizes.total()
    in_time = max(LEAST_DECODED, int(_PIXELS / mean))
    in_memory = _BYTES // (rendering.height * rendering.width * rendering.channels)
    return max(1, min(MOST_DECODED, in_time, in_memory))


@dataclass(frozen=True)
class _Decoded:
    images: NDArray[np.uint8]
    names: list[str]
    facts: list[Facts]


def _decoded(
    tree: Tree,
    names: list[str],
    rendering: Rendering,
    headers: dict[str, Header],
    problems: dict[str, str],
) -> _Decoded:
    """Decode pictures; those that cannot be join ``problems``."""

    def decode(name: str) -> tuple[NDArray[np.uint8], Facts] | str:
        try:
            return render_with_facts(tree.content(name)[0], rendering)
        except (UndecodableError, OSError) as error:
            return str(error)

    size = (rendering.channels, rendering.height, rendering.width)
    images = np.empty((len(names), *size), np.uint8)
    good: list[str] = []
    facts: list[Facts] = []
    results = in_order(decode, names, threads_for_files(), "looking at pictures")
    for name, result in zip(names, results, strict=True):
        if isinstance(result, str):
            problems[name] = result
            headers.pop(name)
            continue
        images[len(good)] = result[0].transpose(2, 0, 1)
        good.append(name)
        facts.append(result[1])
    return _Decoded(images[: len(good)], good, facts)


def _seconds_a_decode(tree: Tree, names: list[str], rendering: Rendering) -> float:
    """The median over a few pictures, decoded one after the other."""
    each = []
    for name in names[:: max(1, len(names) // _TIMED)][:_TIMED]:
        began = time.perf_counter()
        render_with_facts(tree.content(name)[0], rendering)
        each.append(time.perf_counter() - began)
    return float(np.median(each))


def _at_level(name: str, level: int) -> str | None:
    parents = name.split("/")[:-1]
    return parents[level - 1] if len(parents) >= level else None


def _folders(names: Sequence[str], level: int) -> tuple[Counter[str], int]:
    """How many pictures each sub-folder of a level holds, and how many lie in none."""
    found = Counter(_at_level(name, level) for name in names)
    loose = found.pop(None, 0)
    return Counter({name: count for name, count in found.items() if name is not None}), loose


def _notes(
    folder: Folder,
    decoded: _Decoded,
    rendering: Rendering,
    headers: dict[str, Header],
    problems: dict[str, str],
    listing: Listing,
    names: Sequence[str],
) -> tuple[str, ...]:
    """What opening the pictures that were decoded would say."""
    return notes_on(
        [headers[name] for name in decoded.names],
        decoded.facts,
        rendering,
        free_channels=folder.channels == "auto",
        problems=problems,
        total=len(names),
        passed_over=listing.passed_over,
    )

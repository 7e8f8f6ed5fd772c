"""What ``image`` chooses of the data: size, channels, and what is held out; each with its look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from saddlepoint.data.array import Array
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import DataSource, Split
from saddlepoint.data.splitting import counts
from saddlepoint.errors import BadInput
from saddlepoint.planning import decisions
from saddlepoint.planning.decisions import Decision
from saddlepoint.planning.glance import Glance, glance, outside_of_classes


def look(
    source: DataSource, minutes: float | None, seconds_at_32: Callable[[], float]
) -> tuple[Glance, list[Decision]]:
    """The data at the size and with the channels with which they will be trained.

    Args:
        source: The data.
        minutes: As of ``plan``.
        seconds_at_32: Measures a step at 32×32; called where the size depends on it.
    """
    if not isinstance(source, Folder):
        return glance(source), []
    seconds = cache(seconds_at_32)
    if source.size is None:
        looked = glance(source, size=lambda sizes: decisions.side(sizes, seconds, minutes))
        chosen = [_size(looked, seconds)]
    else:
        looked = glance(source)
        height, width = looked.shape[1:]
        chosen = [Decision("size", {}, f"{height}×{width}", "as asked")]
    channels = decisions.channels_of(looked.grey, looked.transparent, len(looked.images))
    if channels is None or source.channels != "auto":
        return looked, chosen
    share = looked.transparent / len(looked.images)
    chosen.append(
        Decision(
            "channels",
            {"data.channels": channels},
            f"{channels}, transparency is learned, too",
            f"{share:.0%} of the pictures are transparent somewhere",
            f"--data.channels {channels - 1}",
        )
    )
    return glance(looked.description.replace(channels=channels)), chosen


def _size(looked: Glance, seconds_at_32: Callable[[], float]) -> Decision:
    """The size that was chosen, and why."""
    assert looked.sizes is not None
    height, width = looked.shape[1:]
    larger = f"--data.size {2 * max(height, width)}"
    if len(looked.sizes) == 1 and (height, width) in looked.sizes:
        reason = "their own"
    else:
        reason, larger = decisions.side_reason(looked.sizes, height, seconds_at_32)
    size = height if height == width else (height, width)
    return Decision("size", {"data.size": size}, f"{height}×{width}", reason, larger)


def with_enough_held_out(source: DataSource, looked: Glance) -> tuple[Glance, list[Decision]]:
    """The look at data of which enough are held out for scores, where that was left open."""
    if not isinstance(source, Array | Folder) or source.split != Split():
        return looked, []
    tests = looked.counts["test"] if looked.official_test else 0
    free = looked.total - tests
    share = decisions.held_out_share(free)
    if share is None:
        return looked, []
    split = Split(validation=share) if looked.official_test else Split(validation=share, test=share)
    sizes = counts(free, split)
    options: dict[str, Any] = {"data.split.validation": share}
    instead = "--data.split.validation 0.1"
    shown = f"{sizes['validation']} images for choosing a checkpoint"
    if looked.official_test:
        sizes |= {"train": free - sizes["validation"], "test": tests}
    else:
        options["data.split.test"] = share
        instead = f"--data.split.test 0.1 {instead}"
        shown = f"{shown} and {sizes['test']} for scores"
    reason = f"a tenth of {free:,} is too few"
    description = looked.description.replace(split=split)
    decision = Decision("held out", options, shown, reason, instead)
    return replace(looked, description=description, counts=sizes), [decision]


_NEEDS = "classes (--conditional) are needed of every image, and"
_INSTEAD = "or leave out --conditional."


def refuse_loose_images(folder: Folder) -> None:
    """Refuse a folder some of whose images lie in no class, before it is looked at.

    Raises:
        BadInput: Some do.
    """
    loose, total = outside_of_classes(folder)
    level = folder.label_level
    below = "no sub-folder" if level == 1 else f"none of level {level}"
    if loose:
        raise BadInput(
            f"{_NEEDS} {loose:,} of {total:,} in {folder.place} lie in {below}: move them into "
            f"one, {_INSTEAD}"
        )


def refuse_without_labels(looked: Glance) -> None:
    """Refuse images some of which have no label.

    Raises:
        BadInput: Some have none.
    """
    if looked.labels is None or (looked.labels < 0).any():
        place = looked.description.place
        raise BadInput(f"{_NEEDS} {place} has none for some or all: add labels, {_INSTEAD}")


def decoding(looked: Glance, batch: int) -> float:
    """Seconds that decoding the batches of a step takes where a folder is streamed; else 0."""
    folder = looked.folder
    if folder is None or looked.seconds_a_decode is None:
        return 0.0
    channels, height, width = looked.shape
    if looked.total * channels * height * width <= folder.memory_gib * 2**30:
        return 0.0
    return 2 * batch * looked.seconds_a_decode / folder.workers

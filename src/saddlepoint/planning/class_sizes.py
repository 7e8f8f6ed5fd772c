"""What sub-folders and labels say: which classes there are, and how unequal they are."""

from __future__ import annotations

from saddlepoint.data.tree import shown
from saddlepoint.planning.glance import Glance
from saddlepoint.planning.observed import Observation, percent

_UNEQUAL = 3.0  # times
_FEW = 50  # images: with fewer, a class is hardly learnt
_PARTS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
_NAMED = 4


def sub_folders(glance: Glance) -> Observation | None:
    """Sub-folders that could be classes and are not used as such."""
    folder = glance.folder
    if folder is None or folder.labels or not glance.classes:
        return None
    names = list(glance.classes)
    parts = [name for name in names if name.lower() in _PARTS]
    figures = {"classes": float(len(names))}
    if len(parts) == len(names):
        if len(glance.deeper) < 2:
            return None
        sentence = f"Sub-folders are named for parts of the data ({_listed(names)})"
        below = f"below them lie {_few_folders(list(glance.deeper))}."
        return Observation("sub-folders", f"{sentence}; {below}", _one_down(), figures)
    if len(names) == 1:
        if len(glance.deeper) < 2:
            return None
        sentence = f"In {shown(names[0])} lie {_few_folders(list(glance.deeper))}."
        return Observation("sub-folders", sentence, _one_down(), figures)
    usual = glance.total / len(names)
    said = f"Images lie in {len(names):,} sub-folders ({_counted(glance.classes)})"
    if glance.loose:
        return Observation(
            "sub-folders",
            f"{said}, {glance.loose:,} outside any.",
            "--conditional learns them as classes once every image lies in one.",
            figures,
        )
    if usual < _FEW:
        return Observation(
            "sub-folders",
            f"{said}: {usual:.0f} a folder on average, few to learn a class from.",
            "--conditional takes them as classes all the same.",
            figures,
        )
    return Observation(
        "sub-folders",
        f"{said}.",
        "--conditional learns them as classes, to be sampled one by one.",
        figures,
    )


def unequal_classes(glance: Glance) -> Observation | None:
    """Classes of very unequal size, where classes are in use or could be."""
    folder = glance.folder
    counts = {name: count for name, count in glance.classes.items() if count}
    if len(counts) < 2 or (folder is not None and _are_parts(glance)):
        return None
    ordered = sorted(counts, key=lambda name: counts[name])
    smallest, largest = ordered[0], ordered[-1]
    ratio = counts[largest] / counts[smallest]
    few = [name for name in ordered if counts[name] < _FEW]
    used = folder is None or folder.labels
    if ratio < _UNEQUAL and not (few and used):
        return None
    total = sum(counts.values())
    what = "Classes" if used else "Sub-folders"
    sentence = (
        f"{what} are of unequal size: {shown(largest)} has {percent(counts[largest] / total)} of "
        f"the images ({counts[largest]:,}), {shown(smallest)} {percent(counts[smallest] / total)} "
        f"({counts[smallest]:,})"
    )
    if ratio < _UNEQUAL:
        sentence = f"The smallest class, {shown(smallest)}, has {counts[smallest]:,} images"
    if few:
        sentence += f"; {len(few):,} of {len(counts):,} have fewer than {_FEW}"
    option = "Samples come in the same shares."
    if used:
        option = f"{option[:-1]}; with --conditional `sample --class NAME` draws one class."
    return Observation(
        "unequal classes", f"{sentence}.", option, {"ratio": ratio, "few": float(len(few))}
    )


def _are_parts(glance: Glance) -> bool:
    return all(name.lower() in _PARTS for name in glance.classes)


def _one_down() -> str:
    return "--conditional --data.label-level 2 learns those as classes."


def _few_folders(names: list[str]) -> str:
    return f"{len(names):,} sub-folders ({_listed([shown(name) for name in names])})"


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _counted(classes: dict[str, int]) -> str:
    return _listed([f"{name} {count:,}" for name, count in classes.items()])

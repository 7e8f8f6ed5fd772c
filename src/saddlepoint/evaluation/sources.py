"""Two sources of examples, brought to one size and colour so that they can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saddlepoint.data.array import Array
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.survey import Survey, survey
from saddlepoint.errors import BadInput
from saddlepoint.evaluation.sides import (
    LEAST,
    MOST,
    Reference,
    Side,
    drawn,
    enough,
    pool,
)
from saddlepoint.training import run_directory
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.trained import Trained

HELD_BYTES = 4 * 2**30  # of both sides and the control together, as float32
_MIXED = 64  # pixels a side where neither folder has one size

Size = tuple[int, int]


@dataclass(frozen=True)
class Preparation:
    """How a user wants both sides to be read; None leaves it to what the sides are.

    Attributes:
        size: Height and width of the images of folders.
        resize: crop, pad or stretch, where a folder's images have other sizes.
        channels: 1 to 4, for folders.
        value_range: Range of floating-point arrays.
    """

    size: Size | None = None
    resize: Literal["crop", "pad", "stretch"] | None = None
    channels: Literal[1, 2, 3, 4] | None = None
    value_range: Literal["0..255", "0..1", "-1..1"] | None = None

    @property
    def asked(self) -> list[str]:
        """The options that were given."""
        given = {name: getattr(self, name) for name in ("size", "resize", "channels")}
        given["value-range"] = self.value_range
        return [f"--{name}" for name, value in given.items() if value is not None]


@dataclass
class _Given:
    """One source: a model, a folder that can be brought to a size, or data of a shape."""

    label: str
    model: Trained | None = None
    folder: Folder | None = None
    survey: Survey | None = None
    dataset: Dataset | None = None
    described: Any = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape that it has; None for a folder, which takes another."""
        if self.model is not None:
            return self.model.data.shape
        return None if self.dataset is None else self.dataset.info.shape

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        if self.dataset is not None:
            return self.dataset.info.name
        return self.label


def is_run(source: Any) -> bool:
    """Whether ``source`` is the path of a run directory."""
    return isinstance(source, str | Path) and run_directory.is_run(Path(source).expanduser())


def two_sides(
    real: Any,
    fake: Any,
    model: Trained | None,
    n: int | None,
    seed: int,
    preparation: Preparation,
) -> tuple[Reference, Side]:
    """The reference with its control, and the candidate.

    All examples of ``real`` are shuffled; one part is the reference, another the control. Two
    folders whose images all have one size are compared at that size. Otherwise folders are brought
    to the size that was asked for, else to the other side's, else to the smaller of both sizes,
    else to 64×64; colour is kept where a side has it. Notes say what was done to which side.

    Args:
        real: A run directory (its data count), a folder, an array or a built-in name.
        fake: The same, or the run directory of ``model``.
        model: A trained model whose samples are the candidate.
        n: Examples of each side; by default what both allow, at most 10,000 and 4 GiB.
        seed: Seed of a model's samples.
        preparation: What the user asked for.

    Raises:
        BadInput: Nothing there, too little, shapes that do not fit, or options without effect.
    """
    first = _given(real, preparation, real_side=True)
    second = _Given(_label(fake), model=model) if model else _given(fake, preparation)
    notes = _match(first, second, preparation)
    ours = _opened(first)
    theirs = None if second.model is not None else _opened(second)
    if theirs is not None:
        _same_range(ours, theirs, preparation)
        _same_shape(ours.info.shape, theirs.info.shape, first.name, second.name)
    elif second.shape is not None:
        _same_shape(ours.info.shape, second.shape, first.name, second.name)
    total = sum(ours.info.counts.values())
    there = MOST if theirs is None else sum(theirs.info.counts.values())
    enough(LEAST, total, ours.info.name)
    enough(LEAST, there, second.name)
    if n is None:
        n, why = _default_n(total, there, ours.info.shape)
        notes += why
    enough(n, total, ours.info.name)
    enough(n, there, second.name)
    examples = pool(ours, 2 * n)
    control = examples[n:] if len(examples) - n >= LEAST else examples[:0]
    where = f"real and control: disjoint parts of {ours.info.name}, all splits"
    reference = Reference(
        data=ours.info,
        dataset=ours,
        real=Side(ours.info.name, examples[:n], ours.info.notes),
        control=Side(f"{ours.info.name} (others)", control),
        train=None,
        where=where if len(control) else f"real: all of {ours.info.name}; too few for a control",
        notes=notes,
    )
    if second.model is not None:
        name = f"{second.label}, step {second.model.step}"
        return reference, drawn(second.model, name, n, seed)
    assert theirs is not None
    return reference, Side(theirs.info.name, pool(theirs, n), theirs.info.notes)


def _label(source: Any) -> str:
    return Path(source).name if isinstance(source, str | Path) else "the array"


def _given(source: Any, preparation: Preparation, real_side: bool = False) -> _Given:
    if is_run(source):
        where = Path(source).expanduser()
        dataset = open_own_data(where)
        return _Given(where.name, dataset=dataset, described=run_directory.read(where).run.data)
    described = describe_data(source)
    if isinstance(described, Folder):
        return _Given(
            _label(source), folder=described, survey=survey(described), described=described
        )
    if isinstance(described, Array) and preparation.value_range is not None:
        described = described.replace(value_range=preparation.value_range)
    return _Given(_label(source), dataset=described.open(), described=described)


def _match(first: _Given, second: _Given, preparation: Preparation) -> tuple[str, ...]:
    """Give the folders their size and colour; the sentences that say so."""
    sides = (first, second)
    folders = [side for side in sides if side.folder is not None]
    fixed = next((side for side in sides if side.shape is not None), None)
    _refuse_idle(sides, folders, preparation)
    if not folders:
        return ()
    if fixed is not None:
        assert fixed.shape is not None
        if len(fixed.shape) != 3:
            raise BadInput(
                f"{fixed.name} holds vectors of {fixed.shape[0]} numbers, and {folders[0].name} "
                "images: compare images with images."
            )
        size, channels = fixed.shape[1:], fixed.shape[0]
        for option, asked, has in (
            ("--size", preparation.size, size),
            ("--channels", preparation.channels, channels),
        ):
            if asked is not None and asked != has:
                raise BadInput(
                    f"{option} {_words(asked)} cannot be had: {fixed.name} has {_words(has)}, and "
                    "only folders are brought to another."
                )
        notes: list[str] = []
    else:
        size, notes = _common_size(folders, preparation)
        channels = preparation.channels or max(_channels(side) for side in folders)
    for side in folders:
        notes += _give(side, (size[0], size[1]), channels, preparation)
    return tuple(notes)


def _refuse_idle(
    sides: tuple[_Given, _Given], folders: list[_Given], preparation: Preparation
) -> None:
    """Refuse options that no side can follow."""
    idle = [option for option in preparation.asked if option != "--value-range"]
    if idle and not folders:
        raise BadInput(f"{idle[0]} is for folders of images, and neither side is one.")
    arrays = [side for side in sides if isinstance(side.described, Array)]
    if preparation.value_range is not None and not arrays:
        raise BadInput("--value-range is for arrays, and neither side is one.")


def _words(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _channels(side: _Given) -> int:
    assert side.folder is not None
    assert side.survey is not None
    return side.survey.channels if side.folder.channels == "auto" else side.folder.channels


def _common_size(folders: list[_Given], preparation: Preparation) -> tuple[Size, list[str]]:
    """One size for both folders, and why."""
    if preparation.size is not None:
        return preparation.size, [f"Both sides at {_words(preparation.size)}, as asked."]
    sizes: list[Size | None] = []
    for side in folders:
        assert side.folder is not None
        assert side.survey is not None
        asked = side.folder.size
        if asked is not None:
            sizes.append((asked, asked) if isinstance(asked, int) else (asked[0], asked[1]))
        else:
            sizes.append(next(iter(side.survey.sizes)) if len(side.survey.sizes) == 1 else None)
    known = [size for size in sizes if size is not None]
    names = " and ".join(side.name for side in folders)
    if not known:
        size = (_MIXED, _MIXED)
        return size, [f"{names} hold images of many sizes: both at {_words(size)} (--size)."]
    if len(set(known)) == 1 and len(known) == 2:
        return known[0], []
    size = min(size[0] for size in known), min(size[1] for size in known)
    said = "; ".join(
        f"{side.name} {'many sizes' if each is None else _words(each)}"
        for side, each in zip(folders, sizes, strict=True)
    )
    return size, [f"The sides differ in size ({said}): both at {_words(size)} (--size)."]


def _give(side: _Given, size: Size, channels: int, preparation: Preparation) -> list[str]:
    assert side.folder is not None
    assert side.survey is not None
    changes: dict[str, Any] = {"size": size, "channels": channels}
    if preparation.resize is not None:
        changes["resize"] = preparation.resize
    grey = side.survey.channels == 1
    side.folder = side.described = side.folder.replace(**changes)
    if grey and channels >= 3:
        return [f"{side.name} is grey and was repeated in three channels (--channels 1)."]
    if not grey and channels <= 2:
        return [f"{side.name} has colour and was turned grey."]
    return []


def _opened(side: _Given) -> Dataset:
    if side.dataset is None:
        assert side.folder is not None
        side.dataset = side.folder.open()
    return side.dataset


def _same_shape(ours: tuple[int, ...], theirs: tuple[int, ...], first: str, second: str) -> None:
    if ours != theirs:
        raise BadInput(
            f"{second} holds examples of shape {theirs}, and {first} of {ours}: give both the same "
            "size and channels, or folders of images, which are brought to the other's size."
        )


def _same_range(ours: Dataset, theirs: Dataset, preparation: Preparation) -> None:
    """Refuse two ranges that were both guessed and differ."""
    guesses = [side.info.guessed_range for side in (ours, theirs)]
    if None not in guesses and guesses[0] != guesses[1]:
        raise BadInput(
            f"the values of {ours.info.name} look like {guesses[0]} and those of "
            f"{theirs.info.name} like {guesses[1]}, both guessed: say which range they have, for "
            f"example --value-range {guesses[0]}."
        )


def _default_n(total: int, there: int, shape: tuple[int, ...]) -> tuple[int, tuple[str, ...]]:
    """What both sides allow, and the sentence that says if memory allows less."""
    numbers = 1
    for axis in shape:
        numbers *= axis
    real = total // 2 if total >= 2 * LEAST else total
    allowed = min(real, there, MOST)
    room = max(LEAST, HELD_BYTES // (3 * 4 * numbers))
    if allowed <= room:
        return allowed, ()
    return room, (
        f"{room:,} examples a side: more of {_words(shape)} numbers would not fit into "
        f"{HELD_BYTES // 2**30} GiB (--n).",
    )

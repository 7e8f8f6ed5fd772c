"""The data sources that a run can name, and how their examples are split (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator
from typing_extensions import override

from saddlepoint.data.bounds import too_many_values
from saddlepoint.description import Description, Part, one_of

# Classes are numbered, and each gets a name and perhaps an embedding of its own.
MOST_CLASSES = 10_000


class Split(Description):
    """How the examples are divided; the same description always divides them the same way."""

    validation: float = Field(
        0.1, ge=0, le=0.5, description="Share kept for choosing the best checkpoint."
    )
    test: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share kept for `evaluate`; data with an official test set use that instead.",
    )
    seed: int = Field(0, ge=0, description="Seed of the split, apart from the run's seed.")


class DataSource(Part):
    """Where a run's examples come from, and how they are split."""

    split: Split = Split()
    limit: int | None = Field(
        None, ge=1, description="Keep only so many examples, a fixed random choice."
    )


class _Images(DataSource):
    flip: bool = Field(False, description="Mirror each training image left-right half the time.")


class Digits(_Images):
    """The 1,797 grey 8×8 digits that come with scikit-learn; always at hand."""

    kind: Literal["digits"] = "digits"


class _Downloaded(_Images):
    root: Path | None = Field(
        None, description="Folder that holds (or receives) the files; by default the cache."
    )
    download: bool = Field(True, description="Fetch missing files from their official addresses.")


class FashionMnist(_Downloaded):
    """Fashion-MNIST: 60,000 + 10,000 grey 28×28 images of clothes, 10 classes."""

    kind: Literal["fashion-mnist"] = "fashion-mnist"


class StackedFashionMnist(_Downloaded):
    """Three random Fashion-MNIST images as the channels of one: 1,000 modes of known label.

    The label is 100a + 10b + c for channels of the classes a, b and c. Each split is drawn from
    the same split of Fashion-MNIST; what is drawn for an index depends on the seed alone.
    """

    kind: Literal["stacked-fashion-mnist"] = "stacked-fashion-mnist"
    train: int = Field(60_000, ge=2, le=10_000_000, description="Training images.")
    validation: int = Field(
        26_000,
        ge=0,
        le=10_000_000,
        description="Validation images: the control of an evaluation of 26,000.",
    )
    test: int = Field(
        26_000,
        ge=0,
        le=10_000_000,
        description="Test images; 26,000 is what mode counts are usually taken from.",
    )
    seed: int = Field(0, ge=0, description="Seed of the draws, apart from the run's seed.")


class Mnist(_Downloaded):
    """MNIST: 60,000 + 10,000 grey 28×28 handwritten digits."""

    kind: Literal["mnist"] = "mnist"


class Cifar10(_Downloaded):
    """CIFAR-10: 50,000 + 10,000 colour 32×32 photographs, 10 classes."""

    kind: Literal["cifar10"] = "cifar10"


class Folder(_Images):
    """A folder or .zip of images of any sizes and colour modes, searched with its sub-folders."""

    kind: Literal["folder"] = "folder"
    path: Path = Field(description="The folder, or the .zip archive.")
    # More than two sides are taken here, so that they can be refused with a sentence.
    size: int | tuple[int, ...] | None = Field(
        None,
        description="Size to train at: one number for squares, or height and width. By default the "
        "images' own size when they all agree and are at most 128 pixels a side, else 64.",
    )
    resize: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="crop: scale to cover the size, cut the middle; pad: scale to fit, fill with "
        "the background; stretch: ignore the aspect ratio. All antialiased.",
    )
    channels: Literal["auto", 1, 2, 3, 4] = Field(
        "auto",
        description="1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; auto: 1 if every image is grey, "
        "else 3.",
    )
    background: tuple[int, int, int] = Field(
        (255, 255, 255), description="RGB colour behind transparent pixels and padding."
    )
    bits: int = Field(
        16,
        ge=8,
        le=16,
        description="Bits that grey 16-bit images hold: levels 0 to 2^bits - 1 are stretched from "
        "black to white, and what lies above is white.",
    )
    labels: bool = Field(False, description="Take the names of the sub-folders as labels.")
    label_level: int = Field(
        1, ge=1, le=64, description="Which level of sub-folders names the labels; 1 is the top."
    )
    strict: bool = Field(
        False, description="Refuse the folder if any file in it is unreadable or no image."
    )
    memory_gib: float = Field(
        2.0, ge=0, description="Hold the decoded images in memory up to this size, else stream."
    )
    workers: int = Field(2, ge=1, le=64, description="Threads that decode when streaming.")

    @field_validator("size", mode="before")
    @classmethod
    def _sides(cls, value: Any) -> Any:
        if value is None:
            return None
        given = tuple(value) if isinstance(value, tuple | list) else (value,)
        shown = " ".join(map(str, given)) or "nothing"
        try:
            sides = tuple(int(side) for side in given)
            whole = all(side.is_integer() for side in given if isinstance(side, float))
        except (TypeError, ValueError, OverflowError):
            whole, sides = False, ()
        if not whole or len(sides) not in (1, 2):
            raise ValueError(f"one number for squares, or height and width, and this is {shown}")
        if min(sides) < 1:
            raise ValueError(f"a side needs at least 8 pixels, and this is {shown}")
        if problem := too_many_values((sides[0], sides[-1])):
            raise ValueError(problem)
        return sides if len(sides) == 2 else sides[0]


class Array(_Images):
    """An array of images (uint8 or float) or of vectors, from .npz, .npy or memory.

    Integer labels are taken from the key ``y`` (or ``labels``) of an .npz file; negative ones
    mean that the label is not known.
    """

    kind: Literal["array"] = "array"
    path: Path | None = Field(None, description="The .npz or .npy file.")
    layout: Literal["auto", "NHWC", "NCHW", "NHW", "ND"] = Field(
        "auto", description="Order of the axes; auto recognises it and refuses ambiguous shapes."
    )
    key: str | None = Field(
        None,
        description="Name of the images in an .npz file; by default x, images, x_train with "
        "x_test as the official test set, or the only one.",
    )
    value_range: Literal["auto", "0..255", "0..1", "-1..1"] = Field(
        "auto", description="Range of floating-point images; auto looks at the data and says so."
    )
    _values: Any = PrivateAttr(None)
    _labels: Any = PrivateAttr(None)
    _notes: tuple[str, ...] = PrivateAttr(())

    @override
    def replace(self, **changes: Any) -> Self:
        """See ``Description.replace``; a path takes the place of what is in memory."""
        fresh = super().replace(**changes)
        if changes.get("path") is not None:
            fresh._values, fresh._labels, fresh._notes = None, None, ()
        return fresh


class _Toy(DataSource):
    examples: int = Field(
        50_000, ge=1, le=100_000_000, description="How many points are drawn, once."
    )
    seed: int = Field(0, ge=0, description="Seed of the points, apart from the run's seed.")


class Ring(_Toy):
    """Equally weighted Gaussians on a circle: the classic test for mode collapse."""

    kind: Literal["ring"] = "ring"
    modes: int = Field(8, ge=1, le=MOST_CLASSES)
    radius: float = Field(1.0, gt=0)
    std: float = Field(0.01, gt=0, description="Standard deviation of each Gaussian.")


class Grid(_Toy):
    """Equally weighted Gaussians on a square grid centred at the origin."""

    kind: Literal["grid"] = "grid"
    side: int = Field(5, ge=1, le=100, description="Modes along each side; side² in all.")
    spacing: float = Field(2.0, gt=0)
    std: float = Field(0.05, gt=0, description="Standard deviation of each Gaussian.")


class SwissRoll(_Toy):
    """A spiral sheet seen from its side, in two dimensions, scaled to about unit size."""

    kind: Literal["swiss-roll"] = "swiss-roll"
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")


class Spirals(_Toy):
    """Interleaved spiral arms; the arm is the label."""

    kind: Literal["spirals"] = "spirals"
    arms: int = Field(2, ge=1, le=MOST_CLASSES)
    turns: float = Field(1.0, gt=0)
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")


class TwoLines(_Toy):
    """Two parallel vertical segments, x = 0 and x = distance, y uniform in [0, 1]."""

    kind: Literal["two-lines"] = "two-lines"
    distance: float = Field(1.0)


SOURCES: list[type[DataSource]] = [
    Digits,
    FashionMnist,
    StackedFashionMnist,
    Mnist,
    Cifar10,
    Folder,
    Array,
    Ring,
    Grid,
    SwissRoll,
    Spirals,
    TwoLines,
]
AnySource = Annotated[DataSource, one_of(SOURCES)]

BUILT_IN: dict[str, type[Description]] = {
    cls.model_fields["kind"].default: cls
    for cls in (
        Digits,
        FashionMnist,
        StackedFashionMnist,
        Mnist,
        Cifar10,
        Ring,
        Grid,
        SwissRoll,
        Spirals,
        TwoLines,
    )
}


class DataInfo(Description):
    """What a learner, a checkpoint and a report need to know of the data without holding them."""

    name: str
    shape: tuple[int, ...] = Field(description="(channels, height, width) or (dimensions,).")
    images: bool = Field(description="True: values lie in [-1, 1] and are shown as pictures.")
    classes: tuple[str, ...] = Field((), description="Names of the labels, in order.")
    counts: dict[str, int] = Field(description="Examples in train, validation and test.")
    fingerprint: str = Field(description="SHA-256 over the examples, their labels and the split.")
    centre: tuple[float, ...] = Field((), description="Mean of vectors; empty for images.")
    guessed_range: str | None = Field(
        None, description="Range that floating-point images were taken to have, if not stated."
    )
    scale: float = Field(1.0, gt=0, description="Standard deviation of vectors over all axes.")
    notes: tuple[str, ...] = Field(
        (), description="What was decided or skipped, one sentence each."
    )

"""The data sources that a run can name, and how their examples are split (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from saddlepoint.description import Description
from saddlepoint.errors import BadInput, did_you_mean


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


class _Images(Description):
    split: Split = Split()
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
    train: int = Field(60_000, ge=2, description="Training images.")
    validation: int = Field(
        26_000, ge=0, description="Validation images: the control of an evaluation of 26,000."
    )
    test: int = Field(
        26_000, ge=0, description="Test images; 26,000 is what mode counts are usually taken from."
    )
    seed: int = Field(0, ge=0, description="Seed of the draws, apart from the run's seed.")


class Mnist(_Downloaded):
    """MNIST: 60,000 + 10,000 grey 28×28 handwritten digits."""

    kind: Literal["mnist"] = "mnist"


class Cifar10(_Downloaded):
    """CIFAR-10: 50,000 + 10,000 colour 32×32 photographs, 10 classes."""

    kind: Literal["cifar10"] = "cifar10"


class Folder(_Images):
    """A folder of images of any sizes and colour modes, searched with its sub-folders."""

    kind: Literal["folder"] = "folder"
    path: Path = Field(description="The folder.")
    size: int | tuple[int, int] | None = Field(
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
    labels: bool = Field(False, description="Take the names of the sub-folders as labels.")
    strict: bool = Field(False, description="Refuse the folder if any file in it is unreadable.")
    memory_gib: float = Field(
        2.0, ge=0, description="Hold the decoded images in memory up to this size, else stream."
    )
    workers: int = Field(2, ge=1, le=64, description="Threads that decode when streaming.")


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
        description="Name of the images in an .npz file; by default x, images or the only one.",
    )
    value_range: Literal["auto", "0..255", "0..1", "-1..1"] = Field(
        "auto", description="Range of floating-point images; auto looks at the data and says so."
    )
    _values: Any = PrivateAttr(None)
    _labels: Any = PrivateAttr(None)


class _Toy(Description):
    examples: int = Field(50_000, ge=1, description="How many points are drawn, once.")
    split: Split = Split()
    seed: int = Field(0, ge=0, description="Seed of the points, apart from the run's seed.")


class Ring(_Toy):
    """Equally weighted Gaussians on a circle: the classic test for mode collapse."""

    kind: Literal["ring"] = "ring"
    modes: int = Field(8, ge=1)
    radius: float = Field(1.0, gt=0)
    std: float = Field(0.01, gt=0, description="Standard deviation of each Gaussian.")


class Grid(_Toy):
    """Equally weighted Gaussians on a square grid centred at the origin."""

    kind: Literal["grid"] = "grid"
    side: int = Field(5, ge=1, description="Modes along each side; side² in all.")
    spacing: float = Field(2.0, gt=0)
    std: float = Field(0.05, gt=0, description="Standard deviation of each Gaussian.")


class SwissRoll(_Toy):
    """A spiral sheet seen from its side, in two dimensions, scaled to about unit size."""

    kind: Literal["swiss-roll"] = "swiss-roll"
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")


class Spirals(_Toy):
    """Interleaved spiral arms; the arm is the label."""

    kind: Literal["spirals"] = "spirals"
    arms: int = Field(2, ge=1)
    turns: float = Field(1.0, gt=0)
    std: float = Field(0.02, ge=0, description="Gaussian noise on the curve.")


class TwoLines(_Toy):
    """Two parallel vertical segments, x = 0 and x = distance, y uniform in [0, 1]."""

    kind: Literal["two-lines"] = "two-lines"
    distance: float = Field(1.0)


DataDescription = Annotated[
    Digits
    | FashionMnist
    | StackedFashionMnist
    | Mnist
    | Cifar10
    | Folder
    | Array
    | Ring
    | Grid
    | SwissRoll
    | Spirals
    | TwoLines,
    Field(discriminator="kind"),
]

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
    scale: float = Field(1.0, gt=0, description="Standard deviation of vectors over all axes.")
    notes: tuple[str, ...] = Field(
        (), description="What was decided or skipped, one sentence each."
    )


def describe_data(value: Any) -> Any:
    """Turn what a user writes into a data description.

    Args:
        value: A built-in name, the path of an image folder, of an .npz or .npy file, a NumPy
            array, a pair (array, labels), or a description, which is returned unchanged.

    Raises:
        BadInput: Neither a known name nor something that exists.
    """
    if isinstance(value, Description):
        return value
    if isinstance(value, str | Path):
        name = str(value)
        if name in BUILT_IN:
            return BUILT_IN[name]()
        path = Path(value).expanduser()
        if path.is_dir():
            return Folder(path=path)
        if path.is_file() and path.suffix.lower() in {".npz", ".npy"}:
            return Array(path=path)
        if path.is_file():
            raise BadInput(
                f"{name} is a file that is neither .npz nor .npy: give an array file, a folder of "
                f"images, or one of {', '.join(BUILT_IN)}."
            )
        raise BadInput(
            f"'{name}' is neither an existing path nor a built-in data set "
            f"({', '.join(BUILT_IN)}).{did_you_mean(name, BUILT_IN)}"
        )
    if isinstance(value, tuple) and len(value) != 2:
        raise BadInput(
            f"a tuple given as data should be (array, labels), and this has {len(value)} parts."
        )
    values, labels = value if isinstance(value, tuple) else (value, None)
    if not hasattr(values, "__array__"):
        raise BadInput(
            f"data must be a name, a path or an array, and this is a {type(values).__name__}."
        )
    described = Array()
    described._values, described._labels = values, labels
    return described

"""What every data source says of itself, and how its examples are split (torch-free)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Description, Part
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from saddlepoint.data.dataset import Dataset
    from saddlepoint.data.mixture import Mixture

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
        description="Share kept for `evaluate`; no choice where there is an official test set.",
    )
    seed: int = Field(0, ge=0, description="Seed of the split, apart from the run's seed.")


class DataSource(Part):
    """Where a run's examples come from, and how they are split; it opens itself.

    Attributes:
        named: Whether its kind alone names it, all else having a default.
        counts_are_options: Whether the size of each split is an option of the split's name.
        resizes: Whether its images are brought to a size, the option ``size``.
        public: Whether its files are public, fetched into a folder where they are not.
    """

    named: ClassVar[bool] = True
    counts_are_options: ClassVar[bool] = False
    resizes: ClassVar[bool] = False
    public: ClassVar[bool] = False

    split: Split = Split()
    limit: int | None = Field(
        None, ge=1, description="Keep only so many examples, a fixed random choice."
    )

    @abstractmethod
    def open(self, keep: Path | None = None) -> Dataset:
        """Open the data.

        Args:
            keep: The run's folder. A folder of images that is streamed stores its manifest there
                at the first start, and from then on refuses to go on if a file has changed.

        Raises:
            BadInput: The data are missing, unsuitable or changed; the sentence says which and
                what to do.
        """

    @property
    def label_share(self) -> LabelShare:
        """How many labels of the training examples are used."""
        return ALL_LABELS

    @property
    def labels_asked_for(self) -> str | None:
        """The option by which labels were asked for; None where they merely come with the data."""
        return None

    def natural_shape(self) -> tuple[int, ...]:
        """``open().info.shape``: (channels, height, width), or (dimensions,).

        Nothing is fetched or decoded where that can be avoided. What is found to be damaged only
        when it is decoded has a say when opening and none here.

        Raises:
            BadInput: The data are missing or damaged.
        """
        return self.open().info.shape

    def mixture(self) -> Mixture | None:
        """The mixture of equal Gaussians that the points are drawn from; None for all others."""
        return None

    def log_density(self, points: ArrayLike) -> NDArray[np.float64] | None:
        """The natural logarithm of the density at ``points`` (N, 2), as float64 (N,).

        None where no exact density is known (swiss-roll, spirals) or none exists (two-lines).

        Raises:
            BadInput: ``points`` are not (N, 2).
        """
        del points
        return None

    @property
    def place(self) -> str:
        """Where the data are, for messages; the kind of what is always at hand."""
        return self.kind

    def there(self) -> bool:
        """Whether the place of the data exists, or they can be fetched again."""
        return True

    def at(self, place: object, run: Path) -> Self:
        """The same data at another place, all else as it is.

        Args:
            place: A path; or the array itself.
            run: The run that was trained on them, for messages.

        Raises:
            BadInput: There is no such place, or it is none for data of this kind.
        """
        del place
        raise BadInput(
            f"{run} was trained on {self.kind}, which is always at hand: leave out --data."
        )

    def kept_at(self, run: Path) -> Self:
        """The same data, which can be found again from whatever folder the run is resumed.

        An array that was handed over in memory is stored in the run's folder; paths become
        absolute.

        Raises:
            BadInput: Something cannot be stored.
        """
        del run
        return self

    def from_run(self, run: Path) -> Self:
        """The same data, from the run's own copy where it has one that counts."""
        del run
        return self

    def check_moved(self, run: Path) -> None:
        """Hold data that were named anew against what the run wrote down of each file.

        Raises:
            BadInput: They are others.
        """

    def without_fetching(self) -> Self:
        """The same data, of which nothing is fetched."""
        return self


@dataclass(frozen=True)
class LabelShare:
    """How many labels of the training examples are kept, and how many are in a batch.

    Attributes:
        kept: So many, balanced over the classes; None for all.
        in_batch: So many examples of each training batch have a known label; None for as many
            as chance has it.
    """

    kept: int | None = None
    in_batch: int | None = None


ALL_LABELS = LabelShare()


class Labelled(DataSource):
    """A source whose examples can have labels."""

    labelled: int | None = Field(
        None,
        ge=1,
        description="Keep only so many labels of the training examples, balanced over the "
        "classes; the others are hidden.",
    )
    labelled_in_batch: int | None = Field(
        None,
        ge=1,
        description="So many of each training batch's examples are labelled ones, where only "
        "some are.",
    )

    @property
    @override
    def label_share(self) -> LabelShare:
        """See ``DataSource.label_share``."""
        return LabelShare(self.labelled, self.labelled_in_batch)

    @property
    @override
    def labels_asked_for(self) -> str | None:
        asked = self.changed("labelled", "labelled_in_batch")
        return f"--data.{asked[0].replace('_', '-')}" if asked else None


class Images(DataSource):
    """A source of images."""

    flip: bool = Field(False, description="Mirror each training image left-right half the time.")


def path_of(place: object, run: Path, what: str) -> Path:
    """The path that a user named for data that moved, absolute.

    Args:
        place: A path, or a description that has one.
        run: The run that was trained on the data.
        what: What the run was trained on, in words.

    Raises:
        BadInput: It is no path, or does not exist.
    """
    named = place if isinstance(place, str | Path) else getattr(place, "path", None)
    named = getattr(place, "root", None) if named is None else named
    if not isinstance(named, str | Path):
        raise BadInput(f"{run} was trained on {what}: say where it is with a path.")
    path = Path(named).expanduser().absolute()
    if not path.exists():
        raise BadInput(f"{path} does not exist, so the data of {run} are not there.")
    return path

"""Public data sets: digits, MNIST, Fashion-MNIST, CIFAR-10, SVHN, and threes of one of them.

Torch-free; ``official.py``, ``svhn.py`` and ``stacked.py`` read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field
from typing_extensions import override

from saddlepoint.data.source import Images, Labelled, path_of
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.data.dataset import Dataset


class Published(Images):
    """Public images of one size.

    Attributes:
        size: (channels, height, width).
    """

    size: ClassVar[tuple[int, int, int]]

    @override
    def natural_shape(self) -> tuple[int, ...]:
        """See ``DataSource.natural_shape``."""
        return self.size


class Digits(Published, Labelled):
    """The 1,797 grey 8×8 digits that come with scikit-learn; always at hand."""

    size: ClassVar[tuple[int, int, int]] = (1, 8, 8)

    kind: Literal["digits"] = "digits"

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.official import digits_examples, opened

        return opened(self, digits_examples())


class Downloaded(Published):
    """Public images whose files are fetched once."""

    public: ClassVar[bool] = True
    conduct: ClassVar[frozenset[str]] = frozenset({"root", "download"})

    root: Path | None = Field(
        None, description="Folder that holds (or receives) the files; by default the cache."
    )
    download: bool = Field(True, description="Fetch missing files from their official addresses.")

    @property
    @override
    def place(self) -> str:
        """The folder of the files, if one was given."""
        return self.kind if self.root is None else str(self.root)

    @override
    def there(self) -> bool:
        """Whether the folder exists, or the files may be fetched again."""
        return self.root is None or self.download or self.root.expanduser().is_dir()

    @override
    def at(self, place: object, run: Path) -> Self:
        """See ``DataSource.at``."""
        path = path_of(place, run, self.kind)
        if not path.is_dir():
            raise BadInput(
                f"{run} was trained on {self.kind}, and {path} is no folder that holds its files."
            )
        return self.replace(root=path)

    @override
    def kept_at(self, run: Path) -> Self:
        """See ``DataSource.kept_at``."""
        if self.root is None:
            return self
        return self.replace(root=self.root.expanduser().absolute())

    @override
    def without_fetching(self) -> Self:
        """See ``DataSource.without_fetching``."""
        return self.replace(download=False)


class Idx(Downloaded, Labelled):
    """Grey 28×28 images of ten classes in four IDX files."""

    size: ClassVar[tuple[int, int, int]] = (1, 28, 28)

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.official import idx_examples, opened

        return opened(self, idx_examples(self))


class FashionMnist(Idx):
    """Fashion-MNIST: 60,000 + 10,000 grey 28×28 images of clothes, 10 classes."""

    kind: Literal["fashion-mnist"] = "fashion-mnist"


class Mnist(Idx):
    """MNIST: 60,000 + 10,000 grey 28×28 handwritten digits."""

    kind: Literal["mnist"] = "mnist"


class Cifar10(Downloaded, Labelled):
    """CIFAR-10: 50,000 + 10,000 colour 32×32 photographs, 10 classes."""

    size: ClassVar[tuple[int, int, int]] = (3, 32, 32)

    kind: Literal["cifar10"] = "cifar10"

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.official import cifar10_examples, opened

        return opened(self, cifar10_examples(self))


class Svhn(Downloaded, Labelled):
    """SVHN: 73,257 + 26,032 colour 32×32 digits cropped from photographs of house numbers."""

    size: ClassVar[tuple[int, int, int]] = (3, 32, 32)

    kind: Literal["svhn"] = "svhn"

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.official import opened
        from saddlepoint.data.svhn import svhn_examples

        return opened(self, svhn_examples(self))


class StackedFashionMnist(Downloaded):
    """Three random Fashion-MNIST images as the channels of one: 1,000 modes of known label.

    The label is 100a + 10b + c for channels of the classes a, b and c. Each split is drawn from
    the same split of Fashion-MNIST; what is drawn for an index depends on the seed alone.
    """

    size: ClassVar[tuple[int, int, int]] = (3, 28, 28)
    counts_are_options: ClassVar[bool] = True

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

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.official import idx_examples
        from saddlepoint.data.stacked import StackedDataset

        return StackedDataset(self, idx_examples(self.grey()))

    def grey(self) -> FashionMnist:
        """Fashion-MNIST with the same split, of which the channels are drawn."""
        return FashionMnist(root=self.root, download=self.download, split=self.split)

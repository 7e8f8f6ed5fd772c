"""An array of images or vectors, described; ``array_opening.py`` opens it (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr
from typing_extensions import override

from saddlepoint.data.source import Images, Labelled, path_of
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.data.dataset import Dataset

#: A run's own copy of an array that was handed over in memory.
OWN_DATA = "data.npz"


class Array(Images, Labelled):
    """An array of images (uint8 or float) or of vectors, from .npz, .npy or memory.

    Integer labels are taken from the key ``y`` (or ``labels``) of an .npz file; negative ones
    mean that the label is not known.
    """

    named: ClassVar[bool] = False

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
    _values: object = PrivateAttr(None)
    _labels: object = PrivateAttr(None)
    _notes: tuple[str, ...] = PrivateAttr(())

    @override
    def replace(self, **changes: object) -> Self:
        """See ``Description.replace``; a path takes the place of what is in memory."""
        fresh = super().replace(**changes)
        if changes.get("path") is not None:
            fresh._values, fresh._labels, fresh._notes = None, None, ()
        return fresh

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.array_opening import open_array

        return open_array(self)

    @override
    def natural_shape(self) -> tuple[int, ...]:
        """See ``DataSource.natural_shape``; the header of the array is read."""
        from saddlepoint.data.array_opening import promised_shape

        return promised_shape(self) or self.open().info.shape

    @property
    @override
    def place(self) -> str:
        """The path, if it is a file."""
        return "the array" if self.path is None else str(self.path)

    @override
    def there(self) -> bool:
        """See ``DataSource.there``."""
        return self.path is None or self.path.expanduser().is_file()

    @override
    def at(self, place: object, run: Path) -> Self:
        """See ``DataSource.at``."""
        if not isinstance(place, str | Path):
            from saddlepoint.data.describing import describe_data

            handed = describe_data(place)
            if not isinstance(handed, Array):
                raise BadInput(f"{run} was trained on an array: give its file or the array.")
            there = self.replace(path=handed.path)
            there._values, there._labels = handed._values, handed._labels
            there._notes = handed._notes
            return there
        path = path_of(place, run, "an array")
        if not path.is_file():
            raise BadInput(
                f"{run} was trained on an array, and {path} is no file: name the .npz or .npy file."
            )
        # A name within a file is of use for an .npz alone.
        key = self.key if path.suffix.lower() == ".npz" else None
        return self.replace(path=path, key=key)

    @override
    def kept_at(self, run: Path) -> Self:
        """See ``DataSource.kept_at``."""
        if self.path is None:
            return self.stored((run / OWN_DATA).expanduser().absolute())
        return self.replace(path=self.path.expanduser().absolute())

    def stored(self, path: Path) -> Self:
        """Store what is in memory at ``path``; a description with the same settings that reads it.

        Raises:
            BadInput: There is nothing in memory, or it is not made of numbers.
        """
        from saddlepoint.data.array_opening import write_npz

        if self._values is None:
            raise BadInput(
                "this array description holds nothing in memory: pass path=, or give the array "
                "itself as the data."
            )
        path = path.expanduser()
        write_npz(path, self._values, self._labels, self._notes)
        return self.replace(path=path, key="x")

    @override
    def from_run(self, run: Path) -> Self:
        """See ``DataSource.from_run``: the own copy counts unless another file is there."""
        path = self.path
        named_so = path is None or path.name == OWN_DATA or not path.expanduser().is_file()
        return self.replace(path=run / OWN_DATA) if named_so and (run / OWN_DATA).exists() else self

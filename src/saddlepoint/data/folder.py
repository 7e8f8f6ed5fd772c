"""A folder or .zip of images, described; ``folder_opening.py`` opens it (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from saddlepoint.data.bounds import too_many_values
from saddlepoint.data.source import Images, Labelled, path_of
from saddlepoint.errors import BadInput

if TYPE_CHECKING:
    from saddlepoint.data.dataset import Dataset


class Folder(Images, Labelled):
    """A folder or .zip of images of any sizes and colour modes, searched with its sub-folders."""

    named: ClassVar[bool] = False
    resizes: ClassVar[bool] = True
    conduct: ClassVar[frozenset[str]] = frozenset({"strict", "memory_gib", "workers"})

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
    def _sides(cls, value: object) -> object:
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

    @field_validator("background")
    @classmethod
    def _levels(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not all(0 <= level <= 255 for level in value):
            shown = " ".join(map(str, value))
            raise ValueError(f"red, green and blue are levels from 0 to 255, and this is {shown}.")
        return value

    @model_validator(mode="after")
    def _level_of_labels(self) -> Self:
        if not self.labels and self.label_level != type(self).model_fields["label_level"].default:
            raise ValueError(
                "label-level says which sub-folders name the labels, and none are taken: add "
                "--data.labels, or leave it at 1."
            )
        return self

    @property
    @override
    def labels_asked_for(self) -> str | None:
        return "--data.labels" if self.labels else super().labels_asked_for

    @override
    def open(self, keep: Path | None = None) -> Dataset:
        """See ``DataSource.open``."""
        from saddlepoint.data.folder_opening import open_folder

        return open_folder(self, keep)

    @override
    def natural_shape(self) -> tuple[int, ...]:
        """See ``DataSource.natural_shape``; the headers of the images are read."""
        from saddlepoint.data.survey import survey, surveyed_rendering

        rendering = surveyed_rendering(self, survey(self))
        return (rendering.channels, rendering.height, rendering.width)

    @property
    @override
    def place(self) -> str:
        """The path."""
        return str(self.path)

    @override
    def there(self) -> bool:
        """See ``DataSource.there``."""
        from saddlepoint.data.tree import is_tree

        return is_tree(self.path.expanduser())

    @override
    def at(self, place: object, run: Path) -> Self:
        """See ``DataSource.at``."""
        from saddlepoint.data.tree import is_tree

        path = path_of(place, run, "a folder of images")
        if not is_tree(path):
            raise BadInput(
                f"{run} was trained on a folder of images, and {path} is no folder or .zip."
            )
        return self.replace(path=path)

    @override
    def kept_at(self, run: Path) -> Self:
        """See ``DataSource.kept_at``."""
        return self.replace(path=self.path.expanduser().absolute())

    @override
    def check_moved(self, run: Path) -> None:
        """See ``DataSource.check_moved``: every file of a streamed folder against its digest."""
        from saddlepoint.data.manifest import MANIFEST_NAME, check_same_files

        if (run / MANIFEST_NAME).exists():
            check_same_files(self.path.expanduser(), run)

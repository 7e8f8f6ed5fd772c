"""How a frozen part is written: ``critic.backbone.0`` or ``critic.backbone.0:images=2e5``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from saddlepoint.schedules import IMAGES

FORM = f"NAME or NAME:{IMAGES}N"


@dataclass(frozen=True)
class Frozen:
    """A part that keeps its weights.

    Attributes:
        part: A player, or the beginning of a name within it: ``critic.backbone.0``.
        images: Until so many images (steps × batch size); None for the whole run.
    """

    part: str
    images: int | None = None

    @classmethod
    def read(cls, text: str) -> Frozen:
        """What ``text`` says.

        Raises:
            ValueError: It is of another form.
        """
        part, colon, rest = text.partition(":")
        if not part or any(not piece for piece in part.split(".")):
            raise ValueError(f"'{text}' names no part: give {FORM}.")
        if not colon:
            return cls(part)
        try:
            images = float(rest.removeprefix(IMAGES)) if rest.startswith(IMAGES) else math.nan
        except ValueError:
            images = math.nan
        if not math.isfinite(images) or images < 1:
            raise ValueError(f"'{text}': give {FORM}, N a number of images from 1 on.")
        return cls(part, round(images))

    def __str__(self) -> str:
        return self.part if self.images is None else f"{self.part}:{IMAGES}{self.images}"


#: The word for a frozen part, in one form.
FrozenPart = Annotated[str, AfterValidator(lambda text: str(Frozen.read(text)))]

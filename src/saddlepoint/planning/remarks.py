"""What a colleague would remark on the data before training: one function each, in one list."""

from __future__ import annotations

from collections.abc import Callable

from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.planning.class_sizes import sub_folders, unequal_classes
from saddlepoint.planning.framing import cropping, enlarged_before, upscaled
from saddlepoint.planning.glance import Glance
from saddlepoint.planning.mirroring import mirroring
from saddlepoint.planning.near_duplicates import near_duplicates
from saddlepoint.planning.observed import Observation
from saddlepoint.planning.odd_ones import blank_ones, grey_among_colour, odd_ones

__all__ = ["OBSERVATIONS", "Observation", "observe"]


def few_images(glance: Glance) -> Observation | None:
    """Too few images for samples to be compared with held-out ones."""
    held_out = glance.counts["test"]
    if held_out >= LEAST_COMPARED:
        return None
    if glance.official_test:
        return Observation(
            "few images",
            f"The test set that comes with the data has {held_out:,} images, and comparing samples "
            f"with them takes {LEAST_COMPARED}.",
            "A larger one is needed for scores.",
        )
    needed = LEAST_COMPARED / glance.total
    sentence = (
        f"Of {glance.total:,} images {held_out:,} are held out for the test, and comparing samples "
        f"with them takes {LEAST_COMPARED}"
    )
    if needed > 0.3:
        return Observation(
            "few images", f"{sentence}: there are too few.", "More images help most."
        )
    option = f"--data.split.test {needed + 0.005:.2f} holds out enough."
    return Observation("few images", f"{sentence}.", option, {"needed": needed})


def see_through(glance: Glance) -> Observation | None:
    """Pictures with transparency, which is filled where alpha is not trained."""
    folder = glance.folder
    if folder is None or not glance.transparent or glance.shape[0] in (2, 4):
        return None
    behind = " ".join(map(str, folder.background))
    return Observation(
        "transparent",
        f"{glance.transparent:,} of {glance.sample} {'is' if glance.transparent == 1 else 'are'} "
        f"transparent somewhere, and RGB {behind} is put behind.",
        "--data.background R G B chooses another colour, --data.channels 4 keeps transparency.",
        {"pictures": float(glance.transparent)},
    )


#: In the order in which they are said: what is wrong with files, then what an option changes.
OBSERVATIONS: tuple[Callable[[Glance], Observation | None], ...] = (
    few_images,
    near_duplicates,
    odd_ones,
    blank_ones,
    grey_among_colour,
    see_through,
    upscaled,
    enlarged_before,
    cropping,
    mirroring,
    sub_folders,
    unequal_classes,
)


def observe(glance: Glance) -> tuple[Observation, ...]:
    """All that there is to remark; of data without anything remarkable, nothing."""
    return tuple(seen for look in OBSERVATIONS if (seen := look(glance)) is not None)

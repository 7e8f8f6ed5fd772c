"""What was done to the images of a folder, told in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from saddlepoint.data.listing import shown
from saddlepoint.data.pictures import Header, Rendering

_NAMED = 5


def notes_on(
    headers: Sequence[Header], rendering: Rendering, problems: dict[str, str], total: int
) -> tuple[str, ...]:
    """Tell what became of the images.

    Args:
        headers: Those of the good images.
        rendering: What they became.
        problems: Reason for each file left out, by path.
        total: Good and bad files together.
    """
    notes = [_scaling(headers, rendering)]
    size = f"{rendering.height}×{rendering.width}"
    small = sum(h.height < rendering.height or h.width < rendering.width for h in headers)
    if small:
        notes.append(f"{small:,} image(s) smaller than {size} were enlarged.")
    deep = sum(header.sixteen_bit for header in headers)
    if deep:
        notes.append(f"{deep:,} image(s) of 16 bits were reduced to 8.")
    see_through = sum(header.transparent for header in headers)
    if see_through and rendering.channels in (1, 3):
        notes.append(
            f"{see_through:,} image(s) with transparency were put on the background "
            f"{rendering.background}."
        )
    coloured = sum(not header.grey for header in headers)
    if coloured and rendering.channels in (1, 2):
        notes.append(f"{coloured:,} image(s) stored in colour were turned grey.")
    if problems:
        named = [f"{shown(path)} ({problems[path]})" for path in sorted(problems)[:_NAMED]]
        more = "" if len(problems) <= _NAMED else ", ..."
        notes.append(
            f"{len(problems):,} of {total:,} files could not be decoded and were left out: "
            f"{', '.join(named)}{more}."
        )
    return tuple(notes)


def _scaling(headers: Sequence[Header], rendering: Rendering) -> str:
    size = f"{rendering.height}×{rendering.width}"
    sizes = {(header.height, header.width) for header in headers}
    if sizes == {(rendering.height, rendering.width)}:
        return f"{len(headers):,} images of {size} were used at their own size."
    what = f"{len(headers):,} images of {len(sizes):,} size(s)"
    if rendering.resize == "crop":
        return f"{what} were scaled to cover {size} and cut in the middle (antialiased)."
    if rendering.resize == "pad":
        return f"{what} were scaled to fit {size} and padded with the background (antialiased)."
    return f"{what} were stretched to {size} (antialiased)."

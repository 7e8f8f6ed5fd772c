"""What was done to the images of a folder, an archive or a list, told in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from saddlepoint.data.decoding import Facts, Header
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.tree import shown

_NAMED = 5


def option(name: str, value: object) -> str:
    """An option of a source that the command line can name, as a note spells it."""
    return f"--data.{name.replace('_', '-')} {value} ({name}={value} in Python)"


def setting(name: str, value: object) -> str:
    """An option of a source that exists in Python alone."""
    return f"{name}={value}"


def notes_on(
    headers: Sequence[Header],
    facts: Sequence[Facts],
    rendering: Rendering,
    *,
    free_channels: bool,
    problems: Mapping[str, str],
    total: int,
    passed_over: str = "",
    spelled: Callable[[str, object], str] = option,
) -> tuple[str, ...]:
    """Tell what became of the images.

    Args:
        headers: Those of the good images.
        facts: What the pixels of the good images told.
        rendering: What they became.
        free_channels: Whether the channels were chosen from the images.
        problems: Reason for each file left out, by path.
        total: Good and bad files together.
        passed_over: What else lay there, in a sentence without its stop.
        spelled: How a note spells an option.
    """
    notes = [_scaling(headers, rendering)]
    size = f"{rendering.height}×{rendering.width}"
    small = sum(h.height < rendering.height or h.width < rendering.width for h in headers)
    if small:
        notes.append(f"{small:,} image(s) smaller than {size} were enlarged.")
    notes += _depth(facts, rendering, spelled)
    if pages := sum(header.more_pages for header in headers):
        notes.append(f"{pages:,} TIFF file(s) have more pages than the first, which alone is read.")
    see_through = sum(each.transparent for each in facts)
    if see_through and rendering.channels in (1, 3):
        notes.append(
            f"{see_through:,} image(s) with transparency were put on the background "
            f"{rendering.background}."
        )
    coloured = sum(not header.grey for header in headers)
    if coloured and rendering.channels in (1, 2):
        notes.append(f"{coloured:,} image(s) stored in colour were turned grey.")
    if coloured and free_channels and rendering.channels == 3 and all(f.grey for f in facts):
        notes.append(
            f"{coloured:,} image(s) stored in colour are grey in every pixel, as all others are: "
            f"{spelled('channels', 1)} trains on one channel instead of three alike."
        )
    if passed_over:
        notes.append(f"{passed_over}.")
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


def _depth(
    facts: Sequence[Facts], rendering: Rendering, spelled: Callable[[str, object], str]
) -> list[str]:
    """What became of images with more than 8 bits, and whether they use them."""
    notes: list[str] = []
    levels = [each.highest for each in facts if each.highest >= 0]
    bits, white = rendering.bits, 2**rendering.bits - 1
    if levels:
        notes.append(
            f"{len(levels):,} image(s) of 16 bits were reduced to 8."
            if bits == 16
            else f"{len(levels):,} image(s) of 16 bits were reduced to 8: levels 0 to {white:,} "
            f"were stretched to full range, as asked with bits = {bits}."
        )
        highest = max(levels)
        needed = max(8, highest.bit_length())
        if needed < bits:
            notes.append(
                f"{len(levels):,} image(s) of 16 bits hold levels up to {highest:,}, so {needed} "
                f"bits: pass {spelled('bits', needed)} to stretch them to full range."
            )
        if above := sum(level > white for level in levels):
            notes.append(
                f"{above:,} image(s) of 16 bits hold levels above {white:,}, up to {highest:,}, "
                "which became white."
            )
    elif bits != 16:
        notes.append(f"bits = {bits} changed nothing: no image is grey with 16 bits.")
    uppers = [each.upper for each in facts if each.upper >= 0]
    if uppers:
        notes.append(
            f"{len(uppers):,} image(s) with 16 bits in each channel were read by their upper 8 "
            f"bits."
        )
        if max(uppers) < 128:
            used = 8 + max(uppers).bit_length()
            notes.append(
                f"{len(uppers):,} image(s) with 16 bits in each channel use {used} of them at "
                "most, so they are dark: convert them to 8 bits, since only grey ones can be "
                "stretched here."
            )
    return notes

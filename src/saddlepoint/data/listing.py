"""The image files of a folder or an archive, and what else lies there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from saddlepoint.data.decoding import EXTENSIONS, FORMATS
from saddlepoint.data.tree import Tree, shown
from saddlepoint.errors import BadInput

__all__ = ["Listing", "list_images", "shown"]

_NAMED = 8


@dataclass(frozen=True)
class Listing:
    """Files by their suffix.

    Attributes:
        images: Names of the image files, sorted.
        others: How many other files there are, by suffix.
        first_other: The first of them, or "".
    """

    images: list[str]
    others: Mapping[str, int]
    first_other: str

    @property
    def passed_over(self) -> str:
        """The other files in a sentence without its stop; "" if there are none."""
        n = sum(self.others.values())
        if not n:
            return ""
        files = "file was" if n == 1 else "files were"
        return f"{n:,} other {files} passed over: {_by_suffix(self.others)}"


def list_images(tree: Tree, *, strict: bool = False) -> Listing:
    """Sort the files of ``tree`` into images and others, by suffix; hidden ones are left out.

    Raises:
        BadInput: There are no images, or others too although ``strict``.
    """
    images: list[str] = []
    others: Counter[str] = Counter()
    first_other = ""
    for name in tree.files():
        suffix = os.path.splitext(name)[1].lower()
        if suffix in EXTENSIONS:
            images.append(name)
        else:
            others[shown(suffix) or "without suffix"] += 1
            first_other = first_other or name
    listing = Listing(images, others, first_other)
    if not images:
        n = sum(others.values())
        more = f" ({n:,} other file(s) were passed over: {_by_suffix(others)})" if others else ""
        raise BadInput(
            f"{tree.root} holds no {FORMATS} images{more}: put images there or give another folder."
        )
    if strict and others:
        n = sum(others.values())
        raise BadInput(
            f"{n:,} file(s) in {tree.root} are no images by their suffix ({_by_suffix(others)}), "
            f"the first is {tree.place(first_other)}: remove them, or leave strict off to pass "
            "over them."
        )
    return listing


def _by_suffix(others: Mapping[str, int]) -> str:
    ordered = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{n:,} {suffix}" for suffix, n in ordered[:_NAMED])
    rest = sum(n for _, n in ordered[_NAMED:])
    return f"{named} and {rest:,} of other suffixes" if rest else named

"""What the headers of a source's pictures tell, without decoding one of them (torch-free)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from saddlepoint.data.array_images import MIN_SIDE
from saddlepoint.data.bounds import too_many_values
from saddlepoint.data.decoding import Header, UndecodableError, read_header
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.folder import Folder
from saddlepoint.data.limiting import chosen
from saddlepoint.data.listing import list_images
from saddlepoint.data.tree import Tree, open_tree
from saddlepoint.data.working import in_order, threads_for_files
from saddlepoint.errors import BadInput

# Without a size asked for, images that agree keep theirs up to KEPT_SIZE_UP_TO, others get
# DEFAULT_SIDE.
KEPT_SIZE_UP_TO = 128
DEFAULT_SIDE = 64

Problems = dict[str, str]


@dataclass(frozen=True)
class Survey:
    """The pictures of a folder or archive, from their headers.

    Attributes:
        readable: How many pictures have a header that can be read.
        sizes: How many there are of each (height, width), as they stand upright.
        grey: Whether each of them is grey by its mode or palette.
        unreadable: How many files have no header that can be read.
    """

    readable: int
    sizes: Counter[tuple[int, int]]
    grey: bool
    unreadable: int

    @property
    def channels(self) -> int:
        """What a network would be given of them: 1 for grey, else 3."""
        return 1 if self.grey else 3


def survey(description: Folder) -> Survey:
    """Read the headers of the pictures that ``description`` would open, its limit included.

    Raises:
        BadInput: No such folder or archive, or no picture in it whose header can be read.
    """
    tree = open_tree(description.path)
    names = list_images(tree, strict=description.strict).images
    names = within_limit(names, description)
    headers, problems = look_at(tree, names)
    refuse_damage(description, tree, problems, len(names))
    sizes = Counter((header.height, header.width) for header in headers.values())
    grey = all(header.grey for header in headers.values())
    return Survey(len(headers), sizes, grey, len(problems))


def within_limit(names: list[str], description: Folder) -> list[str]:
    """The files that the limit keeps: chosen by name, before any of them is opened."""
    kept = chosen(len(names), description.limit, description.split.seed)
    return names if kept is None else [names[index] for index in kept]


def look_at(tree: Tree, names: Sequence[str]) -> tuple[dict[str, Header], Problems]:
    """Read the header of each file; those that have none, with the reason."""

    def look(name: str) -> Header | str:
        try:
            with tree.head(name) as file:
                return read_header(file)
        except (UndecodableError, OSError) as error:
            return str(error)

    headers: dict[str, Header] = {}
    problems: Problems = {}
    seen = in_order(look, names, threads_for_files(), "looking at images")
    for name, header in zip(names, seen, strict=True):
        if isinstance(header, str):
            problems[name] = header
        else:
            headers[name] = header
    return headers, problems


def refuse_damage(description: Folder, tree: Tree, problems: Problems, total: int) -> None:
    """Refuse damaged files if strict, and always if there are no others.

    Raises:
        BadInput: Naming the first.
    """
    if not problems or (len(problems) < total and not description.strict):
        return
    first = min(problems)
    named = f"{tree.place(first)} ({problems[first]})"
    if len(problems) == total:
        raise BadInput(
            f"none of the {total:,} image file(s) in {tree.root} can be decoded, the first is "
            f"{named}: replace them or give another folder."
        )
    raise BadInput(
        f"{len(problems):,} of {total:,} image files cannot be decoded, the first is {named}: "
        "replace or remove them, or leave strict off to skip them."
    )


def choose_rendering(description: Folder, headers: Sequence[Header]) -> Rendering:
    """Decide size and channels from the description and the images' headers.

    Raises:
        BadInput: A side of the size is shorter than 8 pixels, or the whole is too large.
    """
    sizes = {(header.height, header.width) for header in headers}
    return _rendering(description, sizes, all(header.grey for header in headers))


def surveyed_rendering(description: Folder, surveyed: Survey) -> Rendering:
    """As ``choose_rendering``, from a survey."""
    return _rendering(description, set(surveyed.sizes), surveyed.grey)


def _rendering(description: Folder, sizes: set[tuple[int, int]], grey: bool) -> Rendering:
    if description.size is None:
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > KEPT_SIZE_UP_TO:
            height = width = DEFAULT_SIDE
    elif isinstance(description.size, int):
        height = width = description.size
    else:
        height, width = description.size
    if min(height, width) < MIN_SIDE:
        raise BadInput(
            f"images of {height}×{width} pixels are too small to train at, a side needs at least "
            f"{MIN_SIDE}: pass a larger size, for example size={DEFAULT_SIDE}."
        )
    channels = (1 if grey else 3) if description.channels == "auto" else description.channels
    if problem := too_many_values((height, width, channels)):
        raise BadInput(f"{problem}.")
    return Rendering(
        height, width, channels, description.resize, description.background, description.bits
    )

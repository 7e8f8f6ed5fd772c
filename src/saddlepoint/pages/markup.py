"""Small pieces of HTML: every function escapes the text that it is given and returns HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from PIL import Image


def text(value: object) -> str:
    """Escape anything for use as text or as an attribute in double quotes."""
    return escape(str(value), quote=True)


def section(title: str, *content: str, key: str) -> str:
    """A section with a heading; ``key`` is its identifier in the page."""
    body = "\n".join(part for part in content if part)
    return (
        f'<section aria-labelledby="{text(key)}">\n<h2 id="{text(key)}">{text(title)}</h2>\n'
        f"{body}\n</section>"
    )


def paragraph(words: object, style: str = "") -> str:
    """A paragraph, with an optional class."""
    return f'<p class="{text(style)}">{text(words)}</p>' if style else f"<p>{text(words)}</p>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names with their values; None becomes "not recorded"."""
    rows = []
    for name, value in pairs:
        shown = '<span class="quiet">not recorded</span>' if value is None else text(value)
        rows.append(f"<div><dt>{text(name)}</dt><dd>{shown}</dd></div>")
    return f'<dl class="facts">{"".join(rows)}</dl>'


def listing(items: Iterable[object]) -> str:
    """An unordered list."""
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], style: str = "plain"
) -> str:
    """A table that scrolls inside a box of its own where the screen is too narrow."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0">'
        f'<table class="{text(style)}"><caption>'
        f"{text(caption)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def code(content: str, label: str) -> str:
    """Preformatted text that scrolls inside its own box."""
    return (
        f'<pre class="scroll" role="region" aria-label="{text(label)}" tabindex="0">'
        f"<code>{text(content)}</code></pre>"
    )


def details(summary: str, *content: str) -> str:
    """Content that is folded away until the reader asks for it."""
    return f"<details><summary>{text(summary)}</summary>{''.join(content)}</details>"


def cards(items: Iterable[str], style: str) -> str:
    """A grid of figures; the class says how many stand side by side."""
    return f'<div class="{text(style)}">{"".join(items)}</div>'


def figure(image: str, caption: str) -> str:
    """An ``<img>`` on a white card with its caption below."""
    return f"<figure>{image}<figcaption>{text(caption)}</figcaption></figure>"


def img(data: bytes, size: tuple[int, int], alt: str, still: str = "") -> str:
    """An image within the page.

    Args:
        data: The file's content: PNG, JPEG or GIF.
        size: Width and height, so that the page does not jump.
        alt: The same in words.
        still: Data URI shown instead to readers who ask for reduced motion.
    """
    tag = f'<img src="{uri(data)}" width="{size[0]}" height="{size[1]}" alt="{text(alt)}">'
    if not still:
        return tag
    source = f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
    return f"<picture>{source}{tag}</picture>"


def uri(data: bytes) -> str:
    """A data URI of an image, its type told by its first bytes."""
    kind = {b"\x89P": "png", b"\xff\xd8": "jpeg", b"GI": "gif"}[data[:2]]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def compact(path: Path, width: int, most: int) -> tuple[bytes, tuple[int, int]] | None:
    """``compacted`` of a file; None if it is no readable picture."""
    try:
        return compacted(path.read_bytes(), width, most)
    except (OSError, ValueError, SyntaxError):
        return None


def compacted(data: bytes, width: int, most: int) -> tuple[bytes, tuple[int, int]]:
    """Make a picture at most ``width`` pixels wide and about ``most`` bytes long.

    Photographs make large PNGs: these become JPEG. Returns the content and its size.
    """
    with Image.open(io.BytesIO(data)) as image:
        is_png = image.format == "PNG"
        picture = image.convert("L" if image.mode == "L" else "RGB")
    if is_png and picture.width <= width and len(data) <= most:
        return data, picture.size
    for _ in range(4):
        factor = min(1, width / picture.width, 2 * width / picture.height)
        if factor < 1:
            size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        data = png(picture)
        for quality in (88, 75, 60):
            if len(data) <= most:
                return data, picture.size
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality)
            data = buffer.getvalue()
        if len(data) <= most:
            break
        width = int(picture.width * 0.7)
    return data, picture.size

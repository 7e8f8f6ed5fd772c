"""Figures made of panels: light or dark, as a picture or as SVG, readable from the last row."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from saddlepoint.drawing.style import COLOURS, plain_style, rendered
from saddlepoint.errors import BadInput
from saddlepoint.outputs import write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Theme = Literal["light", "dark"]
TEXT, TITLE = 13, 15  # points, at a panel of 4.4 inches: readable when projected
SIDE, DOTS = 4.4, 110  # inches of a panel's side, dots per inch


@dataclass(frozen=True)
class Palette:
    """The colours of a figure.

    Attributes:
        paper: Behind everything.
        ink: Text and axes.
        faint: Grids, and what stands behind what matters.
        series: Of curves and clouds, told apart also with a colour vision deficiency.
        real: Of real examples.
        fake: Of generated ones.
        density: Name of the map of values from none to many.
        signed: Name of the map of values around zero.
    """

    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]
    real: str
    fake: str
    density: str
    signed: str


LIGHT = Palette("#ffffff", "#1a1a1a", "#b8b8b8", COLOURS, COLOURS[0], COLOURS[1], "Blues", "PuOr_r")
DARK = Palette(
    "#14161a",
    "#f0f0f0",
    "#6a6f78",
    ("#56b4e9", "#e69f00", "#2fc79a", "#e39ac8", "#f0e442", "#9ecbee"),
    "#56b4e9",
    "#e69f00",
    "cividis",
    "berlin",
)
PALETTES: dict[str, Palette] = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Panel:
    """One pair of axes and what is drawn on it.

    Attributes:
        title: Above it.
        draw: Draws on the axes with the colours of a palette.
        x: What the horizontal axis is, with its unit.
        y: The vertical one.
        square: Whether both axes have one scale.
        is_control: Whether it shows what the others are to be compared with; its frame says so.
    """

    title: str
    draw: Callable[[Axes, Palette], None]
    x: str = ""
    y: str = ""
    square: bool = False
    is_control: bool = False


class Drawing:
    """Panels side by side, drawn when a picture of them is asked for.

    Args:
        panels: At least one, in the order of reading.
        title: Above all of them.
        columns: Panels in a row; by default such that the figure is nearly square.
        shared: Whether all panels show the same stretch of both axes, that of the widest: what
            stands side by side can then be compared.

    Raises:
        BadInput: There is no panel, or a word is no theme or suffix.

    Example:
        >>> from saddlepoint.drawing import Drawing
        >>> from saddlepoint.drawing.curves import curves
        >>> panel = curves([0, 1, 2], {"a": [1.0, 2.0, 4.0]}, title="Growth")
        >>> Drawing([panel]).picture("dark").size
        (484, 484)
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        title: str = "",
        *,
        columns: int | None = None,
        shared: bool = False,
    ) -> None:
        if not panels:
            raise BadInput("a drawing needs at least one panel.")
        self.panels, self.title, self.shared = tuple(panels), title, shared
        self.columns = columns or math.ceil(math.sqrt(len(panels)))

    def picture(self, theme: Theme = "light") -> Image.Image:
        """The figure as a picture, RGB."""
        with plain_style():
            return rendered(self._figure(_palette(theme)))

    def svg(self, theme: Theme = "light") -> bytes:
        """The figure as SVG, its text as text."""
        with plain_style():
            import matplotlib as mpl

            buffer = io.BytesIO()
            with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "saddlepoint"}):
                figure = self._figure(_palette(theme))
                figure.savefig(
                    buffer, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None}
                )
            return buffer.getvalue()

    def save(self, path: str | Path, theme: Theme = "light") -> None:
        """Write it as PNG or SVG, by the suffix, whole or not at all; missing folders are made."""
        from saddlepoint.drawing.png_files import png

        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".png", ".svg"):
            raise BadInput(f"{path}: a drawing is written as .png or .svg, by the suffix.")
        content = self.svg(theme) if suffix == ".svg" else png(self.picture(theme))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, content)

    def _figure(self, palette: Palette) -> Figure:
        from matplotlib.figure import Figure

        columns = min(self.columns, len(self.panels))
        rows = math.ceil(len(self.panels) / columns)
        top = 0.5 if self.title else 0.0
        figure = Figure(
            figsize=(SIDE * columns, SIDE * rows + top), dpi=DOTS, facecolor=palette.paper
        )
        figure.set_layout_engine("constrained")
        drawn = []
        for number, panel in enumerate(self.panels, 1):
            axes = figure.add_subplot(rows, columns, number)
            _dress(axes, panel, palette)
            panel.draw(axes, palette)
            if panel.square:
                axes.set_aspect("equal", adjustable="box")
            drawn.append(axes)
        if self.shared:
            for limits, set_them in (("get_xlim", "set_xlim"), ("get_ylim", "set_ylim")):
                ends = [getattr(axes, limits)() for axes in drawn]
                for axes in drawn:
                    getattr(axes, set_them)(min(a for a, _ in ends), max(b for _, b in ends))
        if self.title:
            figure.suptitle(self.title, color=palette.ink, fontsize=TITLE + 2, parse_math=False)
        return figure


def _dress(axes: Axes, panel: Panel, palette: Palette) -> None:
    """Colours and sizes of the axes, before anything is drawn on them."""
    axes.set_facecolor(palette.paper)
    title = f"{panel.title} (control)" if panel.is_control else panel.title
    axes.set_title(title, color=palette.ink, fontsize=TITLE, parse_math=False)
    axes.set_xlabel(panel.x, color=palette.ink, fontsize=TEXT, parse_math=False)
    axes.set_ylabel(panel.y, color=palette.ink, fontsize=TEXT, parse_math=False)
    axes.tick_params(colors=palette.ink, labelsize=TEXT - 1)
    for name, spine in axes.spines.items():
        spine.set_color(palette.ink if panel.is_control else palette.faint)
        spine.set_linewidth(2.5 if panel.is_control else 1.0)
        spine.set_visible(panel.is_control or name in ("left", "bottom"))


def legend(axes: Axes, palette: Palette, place: Literal["best", "upper right"] = "best") -> None:
    """A legend in the figure's style, if there is anything to name."""
    if axes.get_legend_handles_labels()[0]:
        made = axes.legend(loc=place, fontsize=TEXT - 1, framealpha=0.85, labelcolor=palette.ink)
        made.get_frame().set(facecolor=palette.paper, edgecolor="none")
        for text in made.get_texts():
            text.set_parse_math(False)


def _palette(theme: str) -> Palette:
    if theme not in PALETTES:
        raise BadInput(f"'{theme}' is no theme: use {' or '.join(PALETTES)}.")
    return PALETTES[theme]

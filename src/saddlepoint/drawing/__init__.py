"""Pictures: samples, clouds, curves, fields and plans, in one style (torch-free).

Importing this room does not import matplotlib.
"""

from saddlepoint.drawing.animations import animate, animation
from saddlepoint.drawing.clouds import draw, scatter
from saddlepoint.drawing.curves import Band, curves
from saddlepoint.drawing.panels import Drawing, Panel
from saddlepoint.drawing.plans import plan_in_the_plane, plan_matrix
from saddlepoint.drawing.png_files import png, save_png
from saddlepoint.drawing.portraits import phase_portrait
from saddlepoint.drawing.selection import evenly_spaced
from saddlepoint.drawing.sheets import (
    CHECKS,
    GAP,
    captioned,
    grid,
    levels,
    mosaic,
    picture,
    to_uint8,
)
from saddlepoint.drawing.style import COLOURS, plain_style, rendered
from saddlepoint.drawing.surfaces import densities, interpolated, lattice, surface

__all__ = [
    "CHECKS",
    "COLOURS",
    "GAP",
    "Band",
    "Drawing",
    "Panel",
    "animate",
    "animation",
    "captioned",
    "curves",
    "densities",
    "draw",
    "evenly_spaced",
    "grid",
    "interpolated",
    "lattice",
    "levels",
    "mosaic",
    "phase_portrait",
    "picture",
    "plain_style",
    "plan_in_the_plane",
    "plan_matrix",
    "png",
    "rendered",
    "save_png",
    "scatter",
    "surface",
    "to_uint8",
]

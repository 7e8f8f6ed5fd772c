"""Pictures: samples, clouds, curves, fields and plans, in one style (torch-free).

Importing this room does not import matplotlib.
"""

from saddlepoint.drawing.animations import animate, animation
from saddlepoint.drawing.clouds import draw, scatter
from saddlepoint.drawing.png_files import png, save_png
from saddlepoint.drawing.selection import evenly_spaced
from saddlepoint.drawing.sheets import CHECKS, GAP, captioned, grid, mosaic, to_uint8
from saddlepoint.drawing.style import COLOURS, plain_style, rendered

__all__ = [
    "CHECKS",
    "COLOURS",
    "GAP",
    "animate",
    "animation",
    "captioned",
    "draw",
    "evenly_spaced",
    "grid",
    "mosaic",
    "plain_style",
    "png",
    "rendered",
    "save_png",
    "scatter",
    "to_uint8",
]

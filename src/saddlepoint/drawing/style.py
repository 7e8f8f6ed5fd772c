"""The one style of figures, and how a figure becomes a picture.

Drawing leaves the user's matplotlib settings, figures and backend as they were.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, told apart also by readers with a colour vision deficiency.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9")
_style_lock = threading.Lock()


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw with matplotlib's own defaults and put the user's settings back afterwards.

    The settings belong to the whole process, hence the lock: two threads would restore each
    other's.
    """
    import matplotlib.style

    with _style_lock, matplotlib.style.context("default"):
        yield


def rendered(figure: Figure) -> Image.Image:
    """Turn a figure that no window knows of into an RGB picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())

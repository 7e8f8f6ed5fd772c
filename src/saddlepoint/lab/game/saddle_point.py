"""Saddle points: one function, minimised by both players and played by one against the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel
from saddlepoint.drawing.panels import TEXT, Palette, legend
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most, number, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.games.bare import BareGame, Tensors

Array = NDArray[np.float64]
Mode = Literal["minimised", "played"]
MODES: tuple[Mode, ...] = ("minimised", "played")
WORDS: dict[Mode, str] = {"minimised": "both minimise", "played": "x against y"}
RATE, STEPS, DRAWN = 0.1, 60, 24
LIMITS, START = (-2.0, 2.0, -2.0, 2.0), (-1.2, -0.25)
TOLERANCE, NEAR, FAR = 1e-12, 0.1, 2.0


@dataclass(frozen=True)
class Surface:
    """A quadratic function of two numbers.

    Attributes:
        formula: As a reader would write it.
        value: Of x and y, numbers, arrays or tensors.
        curvature: Its second derivatives (f_xx, f_xy, f_yy).
    """

    formula: str
    value: Callable[[Any, Any], Any]
    curvature: tuple[float, float, float]

    def jacobian(self, mode: Mode) -> Array:
        """Of the field v of both players' gradients, by hand."""
        xx, xy, yy = self.curvature
        sign = 1.0 if mode == "minimised" else -1.0
        return np.array([[xx, xy], [sign * xy, sign * yy]])

    def moduli(self, mode: Mode) -> float:
        """The modulus of a simultaneous step: the largest |1 − ηλ|."""
        return float(np.abs(1 - RATE * np.linalg.eigvals(self.jacobian(mode))).max())


SURFACES = (
    Surface("x² + y²", lambda x, y: x * x + y * y, (2.0, 0.0, 2.0)),
    Surface("x² − y²", lambda x, y: x * x - y * y, (2.0, 0.0, -2.0)),
    Surface("xy", lambda x, y: x * y, (0.0, 1.0, 0.0)),
    Surface("½x² + 2xy − ½y²", lambda x, y: x * x / 2 + 2 * x * y - y * y / 2, (1.0, 2.0, -1.0)),
)
#: Whether simultaneous steps reach (0, 0): a minimum if both minimise, a saddle of the right kind
#: if they play.
REACHES = {
    ("x² + y²", "minimised"): True,
    ("x² + y²", "played"): False,
    ("x² − y²", "minimised"): False,
    ("x² − y²", "played"): True,
    ("xy", "minimised"): False,
    ("xy", "played"): False,
    ("½x² + 2xy − ½y²", "minimised"): False,
    ("½x² + 2xy − ½y²", "played"): True,
}
COLUMNS = (
    Column("function", "f(x, y)"),
    Column("mode", "x and y"),
    Column("eigenvalues", "eigenvalues of v'"),
    Column("deviation", "from theory", "number", ".0e"),
    Column("modulus", "modulus of a step", "number", ".6f"),
    Column("theory", "theory", "number", ".6f"),
    Column("end", f"distance after {STEPS} steps", "seeds", ".3g"),
)


@experiment(
    "saddle-point",
    chapter=GAME,
    full=Budget(seeds=8, seconds=15),
    fast=Budget(seeds=3, seconds=10),
    pictures=("surfaces",),
    lectures=("A 21", "E 5"),
)
def saddle_point(bench: Bench) -> Findings:
    """What an optimum is: of a function that both minimise, and of one that one plays for.

    Four functions, each with its one stationary point at (0, 0). Minimised, x and y both descend
    f; played, x descends f and y ascends it: min over x, max over y. A step of rate η = 0.1
    multiplies what is near by 1 − ηλ, λ the eigenvalues of v', the Jacobian of both players'
    gradients: real if f is minimised, since v' is then the Hessian; in a game v' has an
    antisymmetric part, f_xy, which turns.

    The eigenvalues are found by automatic differentiation and held to those of the matrix written
    down by hand; orbits of 60 simultaneous steps begin at distance 1, in another direction for
    each seed. Goodfellow, NIPS tutorial, 2016, section 3.2; Mescheder et al. 2017.
    """
    parts = {f"seed-{seed}": partial(ends, seed) for seed in bench.seeds}
    by_seed = bench.all_kept(parts)
    rows = [row(function, mode, by_seed) for function in SURFACES for mode in MODES]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"surfaces": picture()},
        reading=reading(rows),
    )


def game(function: Surface, mode: Mode, start: Tensors) -> BareGame:
    """Both players on the function, x descending it, and y too or ascending it."""
    from saddlepoint.games.bare import BareGame

    sign = 1.0 if mode == "minimised" else -1.0
    costs = {
        "x": lambda z: function.value(z["x"], z["y"]),
        "y": lambda z: sign * function.value(z["x"], z["y"]),
    }
    return BareGame(costs, start, RATE)


def orbit(function: Surface, mode: Mode, start: tuple[float, float], steps: int) -> Array:
    """The points (steps + 1, 2) of simultaneous steps."""
    from saddlepoint.games.bare import play, tensors
    from saddlepoint.games.dynamics import Simultaneous

    way = play(Simultaneous(), game(function, mode, tensors(x=start[0], y=start[1])), steps)
    return np.stack([way["x"].numpy(), way["y"].numpy()], axis=1)


def ends(seed: int) -> dict[str, Any]:
    """How far from (0, 0) a seed's orbits end, by function and mode."""
    angle = float(np.random.default_rng(seed).uniform(0, 2 * math.pi))
    start = (math.cos(angle), math.sin(angle))
    return {
        f"{function.formula} {mode}": float(np.linalg.norm(orbit(function, mode, start, STEPS)[-1]))
        for function in SURFACES
        for mode in MODES
    }


def row(function: Surface, mode: Mode, by_seed: Sequence[dict[str, Any]]) -> Row:
    """The row of a function in a mode."""
    from saddlepoint.games.bare import linearised, spectral_radius, tensors
    from saddlepoint.games.dynamics import Simultaneous

    step = linearised(Simultaneous(), partial(game, function, mode), tensors(x=0.0, y=0.0))
    jacobian = (np.eye(2) - step.numpy()) / RATE
    values, expected = (
        np.sort_complex(np.linalg.eigvals(matrix)) for matrix in (jacobian, function.jacobian(mode))
    )
    return {
        "function": function.formula,
        "mode": WORDS[mode],
        "eigenvalues": _words(values),
        "deviation": float(np.abs(values - expected).max()),
        "modulus": spectral_radius(step),
        "theory": function.moduli(mode),
        "end": PerSeed.of(found[f"{function.formula} {mode}"] for found in by_seed),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    off = [
        max(number(r, "deviation"), abs(number(r, "modulus") - number(r, "theory"))) for r in rows
    ]
    reached = {key: _reached(r) for key, r in zip(REACHES, rows, strict=True)}
    wrong = [f"{f} {mode}" for (f, mode), seen in reached.items() if seen != REACHES[f, mode]]
    saddle, turning = (
        {str(r["mode"]): r for r in rows if r["function"] == f} for f in ("x² − y²", "xy")
    )
    played, other = numbers(saddle["x against y"], "end"), numbers(saddle["both minimise"], "end")
    turn = numbers(turning["x against y"], "end")
    growth = math.hypot(1, RATE) ** STEPS
    return [
        Claim(
            f"Eigenvalues and moduli are those of the matrices by hand, to {TOLERANCE:g}.",
            most(off) <= TOLERANCE,
            f"largest difference {most(off):.1e} of {len(rows)}.",
        ),
        Claim(
            f"After {STEPS} steps orbits are within {NEAR:g} of (0, 0) exactly where all |1 − ηλ| "
            "are below 1, in every seed.",
            not wrong,
            f"otherwise: {', '.join(wrong) or 'none'} of {len(rows)}.",
        ),
        Claim(
            "The saddle of x² − y² is reached by players against each other and left by two that "
            f"minimise: within {NEAR:g} and beyond {FAR:g}, in every seed.",
            bool(played) and most(played) < NEAR and least(other) > FAR,
            f"played: farthest {most(played):.2g}; minimised: nearest {least(other):.3g}.",
        ),
        Claim(
            f"The saddle of xy is not reached by players: {STEPS} steps carry them "
            f"{growth:.4f} times as far, (1 + η²)^{STEPS // 2}.",
            bool(turn) and all(abs(v - growth) < 1e-9 for v in turn),
            f"distances {least(turn):.6f} to {most(turn):.6f}.",
        ),
    ]


def _reached(row: Row) -> bool | None:
    """Whether all seeds came near; None if some did."""
    near = [value < NEAR for value in numbers(row, "end")]
    return all(near) if near and len(set(near)) == 1 else None


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    by = {(r["function"], r["mode"]): r for r in rows}
    against, both = "x against y", "both minimise"
    return (
        "A minimum of x² + y² is no equilibrium of the game, and the saddle of x² − y² no minimum: "
        f"each is reached in one way (a step multiplies by "
        f"{number(by['x² − y²', against], 'modulus'):.2f}) and left in the other "
        f"({number(by['x² − y²', both], 'modulus'):.2f}). A saddle of the right kind is not "
        "enough, though: xy has one, its eigenvalues in the game are "
        f"{by['xy', against]['eigenvalues']}, and simultaneous steps go round it outwards "
        f"({number(by['xy', against], 'modulus'):.5f}). Where each player's own curvature pulls "
        "beside the turning, as in ½x² + 2xy − ½y² "
        f"({by['½x² + 2xy − ½y²', against]['eigenvalues']}), they spiral in "
        f"({number(by['½x² + 2xy − ½y²', against], 'modulus'):.4f})."
    )


def picture() -> Drawing:
    """Each surface with an orbit of each mode."""
    return Drawing([_panel(function) for function in SURFACES], columns=2)


def _panel(function: Surface) -> Panel:
    left, right, bottom, top = LIMITS
    x, y = np.meshgrid(np.linspace(left, right, 81), np.linspace(bottom, top, 81))
    heights = np.asarray(function.value(x, y))
    high = float(np.abs(heights).max())
    ways = {WORDS[mode]: orbit(function, mode, START, DRAWN) for mode in MODES}

    def draw(axes: Axes, palette: Palette) -> None:
        levels = np.linspace(-high, high, 17)
        axes.contourf(x, y, heights, levels=levels, cmap=palette.signed, alpha=0.75)
        lines = axes.contour(x, y, heights, levels=levels[::2], colors=palette.ink, linewidths=0.8)
        axes.clabel(lines, fontsize=TEXT - 3, fmt="%.3g")
        for number_of, (name, way) in enumerate(ways.items()):
            style, colour = ("o-", "^--")[number_of], (palette.real, palette.series[2])[number_of]
            axes.plot(
                way[:, 0],
                way[:, 1],
                style,
                color=colour,
                markersize=6,
                linewidth=1.5,
                markeredgecolor=palette.paper,
                markeredgewidth=0.5,
                label=name,
            )
        axes.plot(0, 0, "*", color=palette.ink, markersize=14)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        legend(axes, palette, "upper right")

    return Panel(f"f = {function.formula}", draw, "x", "y", square=True)


def _words(values: NDArray[np.complex128]) -> str:
    """Eigenvalues in words, a pair of conjugates as a ± bi."""
    first, second = values
    if abs(first.imag) < 1e-9:
        return f"{_plain(first.real)}, {_plain(second.real)}"
    size = f"{abs(first.imag):.4g}"
    turn = "i" if size == "1" else f"{size}i"
    return f"{_plain(first.real)} ± {turn}" if abs(first.real) > 1e-9 else f"±{turn}"


def _plain(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")

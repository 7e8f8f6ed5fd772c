"""The earth mover's distance as a linear programme, solved four ways, with its certificate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel, curves, plan_matrix
from saddlepoint.drawing.panels import TEXT, legend
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import most

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette

Array = NDArray[np.float64]
#: Heights of four piles one step apart, as they are and as they shall be.
PILES = {
    "the slide's piles": ((3, 1, 4, 1), (1, 5, 1, 2)),
    "the well-known piles": ((3, 2, 1, 4), (1, 2, 4, 3)),
}
SLIDE = next(iter(PILES))
WORK = 5.0
LINE, PLANE, COSTS = "points on a line", "points in the plane", "any costs"
SIZES = {LINE: (12, 9), PLANE: (15, 20), COSTS: (10, 14)}
TOLERANCE = 1e-8

COLUMNS = (
    Column("problem", "problem"),
    Column("size", "A"),
    Column("rank", "rank of A", "count"),
    Column("value", "cᵀx = ⟨Γ, D⟩", "seeds", ".6f"),
    Column("dual", "bᵀy", "seeds", ".6f"),
    Column("gap", "primal − dual, relative", "seeds", ".1e"),
    Column("difference", "four solutions differ by, relative", "seeds", ".1e"),
    Column("excess", "largest f + g − d, relative", "seeds", ".1e"),
    Column("lipschitz", "Lipschitz constant", "seeds", ".9f"),
    Column("certified", "certificates that hold", "count"),
)


@experiment(
    "earth-mover-lp",
    chapter=LIKELIHOOD,
    full=Budget(seeds=50, seconds=8),
    fast=Budget(seeds=5, seconds=5),
    pictures=("programme",),
    lectures=("D 21", "D 25", "E 14", "E 15", "E 17", "E 18"),
)
def earth_mover_lp(bench: Bench) -> Findings:
    """Whether the earth mover's distance is the linear programme of the slide and of its dual.

    The plan Γ, row by row, is x; the distances D in the same order are c; A has a row for every
    pile and every hole that adds up what leaves or enters it, and b says how much that is. Then
    min cᵀx under A x = b, x ≥ 0 is the least ⟨Γ, D⟩, and max bᵀy under Aᵀy ≤ c gives y = (f, g),
    potentials with f + g ≤ d. After a c-transform they are one function, f = φ and g = −φ, whose
    Lipschitz constant is 1 where d is a metric. (Herrmann, Wasserstein GAN and the
    Kantorovich-Rubinstein duality, 2017.)

    Four solutions are compared: primal and dual by HiGHS, each without the other, the network
    simplex, and on a line the closed form by quantiles. Random problems have places and masses of
    their own for each seed: 12 and 9 points on a line, 15 and 20 in the plane, and costs for 10
    and 14 that are no distances, which have no Lipschitz constant.
    """
    rows = [row(name, [solved(*piles(name))]) for name in PILES]
    parts = bench.all_kept(
        {
            f"seed-{seed}": lambda seed=seed: {  # type: ignore[misc]
                name: solved(*random_problem(name, seed)) for name in SIZES
            }
            for seed in bench.seeds
        }
    )
    rows += [row(name, [part[name] for part in parts]) for name in SIZES]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"programme": programme(rows)},
        reading=reading(rows),
    )


def piles(name: str) -> tuple[Array, Array, dict[str, Array]]:
    """Heights before and after (4,), and the places (4, 1) of both."""
    before, after = (np.array(heights, dtype=float) for heights in PILES[name])
    steps = np.arange(len(before), dtype=float)[:, None]
    return before, after, {"xa": steps, "xb": steps}


def random_problem(name: str, seed: int) -> tuple[Array, Array, dict[str, Array]]:
    """Masses (n,) and (m,) of total 1, and either places or costs."""
    n, m = SIZES[name]
    random = np.random.default_rng([seed, list(SIZES).index(name)])
    a, b = random.dirichlet(np.ones(n)), random.dirichlet(np.ones(m))
    if name == COSTS:
        return a, b, {"cost": random.uniform(size=(n, m))}
    dimensions = 1 if name == LINE else 2
    sides = random.normal(size=(n, dimensions)), random.normal(0.5, 1, size=(m, dimensions))
    return a, b, {"xa": sides[0], "xb": sides[1]}


def costs_of(where: dict[str, Array]) -> Array:
    """The matrix D (n, m) of costs or of distances."""
    if "cost" in where:
        return where["cost"]
    return np.asarray(np.linalg.norm(where["xa"][:, None] - where["xb"][None], axis=2))


def solved(a: Array, b: Array, where: dict[str, Array]) -> dict[str, Any]:
    """Every solution of a problem, and how far the potentials are from a proof."""
    from saddlepoint.transport import earth_mover, linear_programme

    costs = costs_of(where)
    made = linear_programme(a, b, costs)
    matrix = made.dense()
    assert (matrix.sum(0) == 2).all(), "each entry of the plan leaves one pile and enters one hole"
    primal, dual = float(made.c @ made.primal()), float(made.b @ made.dual())
    plan = earth_mover(a=a, b=b, **where, solver="linear-programme")
    others = [earth_mover(a=a, b=b, **where, solver="network-simplex").value]
    if "xa" in where and where["xa"].shape[1] == 1:
        others.append(earth_mover(a=a, b=b, **where, solver="line").value)
    values = [primal, dual, float((plan.plan * costs).sum()), *others]
    certificate = plan.certificate
    return {
        "size": f"{matrix.shape[0]} × {matrix.shape[1]}",
        "rank": int(np.linalg.matrix_rank(matrix)),
        "value": primal,
        "dual": dual,
        "gap": (primal - dual) / primal,
        "difference": (max(values) - min(values)) / primal,
        "excess": certificate.excess / certificate.largest,
        "lipschitz": certificate.lipschitz,
        "certified": int(certificate.holds),
    }


def row(name: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a kind of problems."""
    per_seed = [column.key for column in COLUMNS if column.holds == "seeds"]
    made = {key: PerSeed.of(part[key] for part in parts) for key in per_seed}
    if not made["lipschitz"].finite:
        made["lipschitz"] = PerSeed((None,) * len(parts))
    return {
        "problem": name,
        "size": parts[0]["size"],
        "rank": max(part["rank"] for part in parts),
        "certified": sum(part["certified"] for part in parts),
        **made,
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    by_name = {str(row["problem"]): row for row in rows}
    work = [v for name in PILES if name in by_name for v in _finite([by_name[name]], "value")]
    instances = sum(len(_finite([row], "value")) for row in rows)
    gap, difference = _largest(rows, "gap"), _largest(rows, "difference")
    excess = max(_finite(rows, "excess"), default=math.nan)
    slopes = _finite(rows, "lipschitz")
    certified = sum(c for row in rows if isinstance(c := row["certified"], int))
    short = [_short_of_full(row) for row in rows]
    return [
        Claim(
            "Moving the piles takes 5 = 2 + 2 + 1, of the slide's and of the well-known ones "
            "(within 1e-8).",
            len(work) == len(PILES) and all(abs(value - WORK) <= TOLERANCE for value in work),
            f"{', '.join(f'{value:.9g}' for value in work)}.",
        ),
        Claim(
            f"The primal and the dual programme have one value, within {TOLERANCE:g} of it.",
            gap <= TOLERANCE,
            f"they differ by at most {gap:.1e} in {instances} problems.",
        ),
        Claim(
            "Linear programme, its dual, network simplex and closed form agree within "
            f"{TOLERANCE:g} of the value.",
            difference <= TOLERANCE,
            f"largest relative difference {difference:.1e} in {instances} problems.",
        ),
        Claim(
            f"The potentials are a proof: f + g ≤ d (within {TOLERANCE:g}), and the Lipschitz "
            f"constant is at most 1 + {TOLERANCE:g} where d is a metric.",
            excess <= TOLERANCE
            and bool(slopes)
            and most(slopes) <= 1 + TOLERANCE
            and certified == instances,
            f"f + g − d is at most {excess:.1e}, the largest constant of {len(slopes)} is "
            f"{most(slopes):.12g}; {certified} of {instances} certificates hold.",
        ),
        Claim(
            "One row of A follows from the others: its rank is n + m − 1.",
            bool(short) and set(short) == {1},
            "; ".join(f"rank {row['rank']} of {row['size']}" for row in rows) + ".",
        ),
    ]


def _short_of_full(row: Row) -> int:
    return int(str(row["size"]).split(" ")[0]) - int(str(row["rank"]))


def _finite(rows: Sequence[Row], key: str) -> list[float]:
    return [v for row in rows if isinstance(seeds := row[key], PerSeed) for v in seeds.finite]


def _largest(rows: Sequence[Row], key: str) -> float:
    return max(map(abs, _finite(rows, key)), default=math.nan)


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    held = sum(claim.holds for claim in claims(rows))
    return (
        f"{held} of {len(claims(rows))} sentences about the programme hold. Whoever solves it, "
        "programme, dual, network simplex or sorting on a line, gets the same work, up to "
        f"{_largest(rows, 'difference'):.0e} of it, and the dual's potentials prove that no plan "
        "is cheaper. For costs that are no metric the potentials prove as much, but they are two "
        "functions and not one: a 1-Lipschitz critic is there for distances alone."
    )


def programme(rows: Sequence[Row]) -> Drawing:
    """A, b and c of the slide, the distances, the plan, the piles, potentials and agreement."""
    from saddlepoint.transport import earth_mover, linear_programme

    before, after, where = piles(SLIDE)
    costs = costs_of(where)
    made = linear_programme(before, after, costs)
    moved = earth_mover(a=before, b=after, **where, solver="linear-programme")
    steps = np.arange(len(before))
    panels = [
        _constraints(made.dense(), made.b, made.c),
        plan_matrix(costs, title="D, distances", x_label="to step", y_label="from step"),
        plan_matrix(moved.plan, title="Γ, what moves", x_label="to step", y_label="from step"),
        _heights(before, after, moved.plan * (costs > 0)),
        curves(
            steps,
            {"f": moved.f, "−g": -moved.g},
            title=f"Potentials: aᵀf + bᵀg = {moved.dual_value:g}",
            x_label="step",
            y_label="potential, steps",
        ),
        _agreement(rows),
    ]
    return Drawing(panels, f"min cᵀx, A x = b, x ≥ 0: ⟨Γ, D⟩ = {moved.value:g}", columns=3)


def _constraints(matrix: Array, right: Array, costs: Array) -> Panel:
    """A with b at its rows and c at its columns."""

    def draw(axes: Axes, palette: Palette) -> None:
        rows, columns = matrix.shape
        axes.imshow(matrix, cmap=palette.density, vmin=0, vmax=1.3, aspect="auto")
        axes.set_yticks(range(rows), [f"{value:g}" for value in right])
        axes.set_xticks(range(columns), [f"{value:g}" for value in costs])
        axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=palette.faint, linewidth=0.6)
        axes.tick_params(which="minor", length=0)

    return Panel(
        "A, ones and zeros", draw, "c, the cost of each entry of x", "b, piles, then holes"
    )


def _heights(before: Array, after: Array, moves: Array) -> Panel:
    """The piles as they are and as they shall be, with an arrow for each move."""

    def draw(axes: Axes, palette: Palette) -> None:
        steps = np.arange(len(before))
        for heights, colour, side, name in (
            (before, palette.real, -0.2, "before"),
            (after, palette.fake, 0.2, "after"),
        ):
            axes.bar(steps + side, heights, 0.36, color=colour, label=name)
        top = float(max(before.max(), after.max()))
        for number, (i, j) in enumerate(np.argwhere(moves > 0)):
            height = top + 0.5 + 0.6 * number
            arrow = {"arrowstyle": "->", "color": palette.ink, "linewidth": 1.8}
            axes.annotate("", (j, height), (i, height), arrowprops=arrow)
            text = f"{moves[i, j]:g}"
            axes.text(
                (i + j) / 2, height + 0.12, text, color=palette.ink, ha="center", fontsize=TEXT - 1
            )
        axes.set_ylim(0, top + 3.4)
        axes.set_xticks(steps)
        legend(axes, palette)

    return Panel("Piles and moves", draw, "step", "shovels")


def _agreement(rows: Sequence[Row]) -> Panel:
    """The relative differences of the solutions, a point a problem."""
    shown = {str(row["problem"]): _finite([row], "difference") for row in rows}

    def draw(axes: Axes, palette: Palette) -> None:
        for number, values in enumerate(shown.values()):
            across = number + np.linspace(-0.3, 0.3, len(values) + 2)[1:-1]
            floored = np.maximum(values, np.finfo(float).eps / 10)
            colour = palette.series[number % len(palette.series)]
            axes.plot(across, floored, "o", color=colour, markersize=6)
        names = [name.replace("the ", "").replace(" ", "\n", 1) for name in shown]
        axes.set_xticks(range(len(shown)), names)
        axes.set_yscale("log")
        axes.axhline(TOLERANCE, color=palette.ink, linestyle=":", label="tolerance")
        axes.tick_params(axis="x", labelsize=TEXT - 3)
        legend(axes, palette)

    return Panel("Solvers differ by", draw, "", "relative difference")

"""One Gaussian for two modes: where each divergence stops covering both and takes one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from saddlepoint.drawing import Drawing, Panel, curves, densities
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Row
from saddlepoint.lab.row_values import most

#: The divergences by their key in ``DIVERGENCES``, with their names for readers.
DIVERGENCES = {"kl": "KL", "reverse-kl": "reverse KL", "jensen-shannon": "JSD"}
#: Half the distance between the modes, in their standard deviations.
DISTANCES = (0.5, 1.0, 1.5, 2.0, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0)
FEW = (2.0, 2.75, 3.0, 4.0, 5.0)
SHOWN = (2.0, 3.0, 5.0)
AROUND = 1.8  # of a switch that is drawn, in units of m
#: Where an optimum at one mode is looked for: its mean over m, and its standard deviation.
NEAR, WIDTHS = (0.5, 1.5), (0.5, 1.6)
#: The value of a fit, its mean and its standard deviation.
Fit = tuple[float, float, float]
#: What facts are given to, and what two ways of integration may differ by.
FOUR_DIGITS, INTEGRATION = 1e-4, 1e-6

COLUMNS = (
    Column("divergence", "divergence"),
    Column("m", "m", "number", ".4g"),
    Column("cover", "best of mean 0, nats", "number", ".6f"),
    Column("cover_std", "its σ", "number", ".4f"),
    Column("mode", "best at one mode, nats", "number", ".6f"),
    Column("mode_mean", "its μ", "number", ".4f"),
    Column("mode_std", "its σ", "number", ".4f"),
    Column("lowest", "lowest of all starts", "number", ".6f"),
    Column("best", "the optimum"),
    Column("off", "off another quadrature", "number", ".1e"),
)


@experiment(
    "mode-covering",
    chapter=LIKELIHOOD,
    full=Budget(seeds=1, seconds=25),
    fast=Budget(seeds=1, seconds=12),
    pictures=("fits", "switch"),
    lectures=("A 9", "D 10", "D 12", "E 14"),
)
def mode_covering(bench: Bench) -> Findings:
    """Which divergence makes one Gaussian cover two modes, which takes one, and from where on.

    p = ½ N(−m, 1) + ½ N(m, 1) is fitted by q = N(μ, σ²) so that KL(p‖q), the reverse KL(q‖p) or
    the JSD is least. For each m there are two candidates: the best q with μ = 0, which covers both
    modes, and the best q at one mode, where there is such a local optimum. Where their values
    cross, found by bisection between the tabled m, the optimum switches.

    The divergences and their gradients are adaptive quadrature, minimised by L-BFGS, the second
    candidate within a box around the mode; five free starts look for anything better. Each value is
    compared with a trapezium rule on a fine lattice. KL(p‖q) has a closed optimum, N(0, 1 + m²), as
    it matches moments. (Goodfellow, NIPS 2016 tutorial, figure 14.)
    """
    distances = FEW if bench.fast else DISTANCES
    parts = bench.all_kept(
        {f"m-{m:g}": lambda m=m: {"rows": rows_at(m)} for m in distances}  # type: ignore[misc]
    )
    rows: list[Row] = [row for part in parts for row in part["rows"]]
    for of in DIVERGENCES.values():
        rows += _switched(bench, of, rows)
    rows.sort(key=lambda row: (list(DIVERGENCES.values()).index(str(row["divergence"])), row["m"]))
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"fits": fits(rows), "switch": switch(rows)},
        reading=reading(rows),
    )


def rows_at(m: float) -> list[dict[str, Any]]:
    """The row of every divergence at one m."""
    return [row_at(m, of) for of in DIVERGENCES]


def row_at(m: float, of: str) -> dict[str, Any]:
    """Both candidates of a divergence at one m, and the lowest value from all starts."""
    cover = covering(m, of)
    mode = at_one_mode(m, of)
    wide = math.sqrt(1 + m * m)
    starts = [(m, 1.0), (0.0, wide), (m, wide), (m / 2, 1.0), (-m / 2, wide / 2)]
    return {
        "divergence": DIVERGENCES[of],
        "m": m,
        "cover": cover[0],
        "cover_std": cover[2],
        **dict(zip(("mode", "mode_mean", "mode_std"), mode or (None,) * 3, strict=True)),
        "lowest": min(fitted(m, of, *start)[0] for start in starts),
        "best": "mode" if mode is not None and mode < cover else "cover",
        "off": max(
            abs(value - by_trapezia(of, m, *q))
            for value, *q in ([cover, mode] if mode else [cover])
        ),
    }


def fitted(m: float, of: str, mean: float, std: float) -> Fit:
    """The optimum that L-BFGS reaches from a start, which need not be the nearest."""
    value, (found, log_std) = _minimised(lambda v: _of(m, of, v[0], v[1]), [mean, math.log(std)])
    return value, found, math.exp(log_std)


def covering(m: float, of: str) -> Fit:
    """The best fit with μ = 0."""
    value, (log_std,) = _minimised(lambda v: _of(m, of, 0 * v[0], v[0]), [math.log(1 + m / 2)])
    return value, 0.0, math.exp(log_std)


def at_one_mode(m: float, of: str) -> Fit | None:
    """The local optimum at the mode m; None if there is none, so that the least is at a bound."""
    means, log_stds = [each * m for each in NEAR], [math.log(each) for each in WIDTHS]
    value, (mean, log_std) = _minimised(
        lambda v: _of(m, of, v[0], v[1]), [m, 0.0], [means, log_stds]
    )
    inside = all(low < x < high for x, (low, high) in ((mean, means), (log_std, log_stds)))
    return (value, mean, math.exp(log_std)) if inside else None


def _of(m: float, of: str, mean: Any, log_std: Any) -> Any:
    from saddlepoint.divergences import Gaussian, GaussianMixture, divergence_tensor

    p = GaussianMixture([-m, m], std=1.0)
    return divergence_tensor(p, Gaussian(mean, std=log_std.exp()), of)


def _minimised(
    function: Any, start: Sequence[float], bounds: Any = None
) -> tuple[float, list[float]]:
    """The least value of a function of a float64 tensor that is reached from a start, and where."""
    import torch
    from scipy.optimize import minimize

    def with_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = function(at)
        (gradient,) = torch.autograd.grad(value, at)
        return value.item(), gradient.numpy()

    precise = {"ftol": 1e-14, "gtol": 1e-8}
    found = minimize(
        with_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=precise
    )
    return float(found.fun), [float(each) for each in found.x]


def by_trapezia(of: str, m: float, mean: float, std: float) -> float:
    """The same divergence by the trapezium rule on 200,001 places (exact for smooth tails)."""
    reach = m + 13 + abs(mean) + 13 * std
    x, step = np.linspace(-reach, reach, 200_001, retstep=True)
    norm = 0.5 * math.log(2 * math.pi)
    p = np.logaddexp(-((x - m) ** 2) / 2, -((x + m) ** 2) / 2) - math.log(2) - norm
    q = -(((x - mean) / std) ** 2) / 2 - math.log(std) - norm
    if of == "jensen-shannon":
        middle = np.logaddexp(p, q) - math.log(2)
        integrand = (np.exp(p) * (p - middle) + np.exp(q) * (q - middle)) / 2
    else:
        one, other = (p, q) if of == "kl" else (q, p)
        integrand = np.exp(one) * (one - other)
    return float(integrand.sum() * step)


def _switched(bench: Bench, named: str, rows: Sequence[Row]) -> list[Row]:
    """The row where both candidates are equally good, where the optimum switches at all."""
    own = [row for row in rows if row["divergence"] == named]
    pairs = [pair for pair in pairwise(own) if _best(pair) == ["cover", "mode"]]
    if not pairs:
        return []
    of = next(key for key, name in DIVERGENCES.items() if name == named)
    low, high = (_number(row["m"]) for row in pairs[0])
    return [bench.kept(f"switch-{of}", lambda: row_at_switch(of, low, high))]


def row_at_switch(of: str, low: float, high: float) -> dict[str, Any]:
    """The row at the m between two others where both candidates have one value."""
    from scipy.optimize import brentq

    def ahead(m: float) -> float:
        mode = at_one_mode(m, of)
        assert mode is not None, "there is one at both ends"
        return covering(m, of)[0] - mode[0]

    return row_at(float(brentq(ahead, low, high, xtol=1e-6)), of) | {"best": "both"}


def _best(rows: Sequence[Row]) -> list[object]:
    return [row["best"] for row in rows]


def _number(value: object) -> float:
    return value if isinstance(value, float) else math.nan


def _at(rows: Sequence[Row], named: str, m: float) -> Row | None:
    return next((row for row in rows if (row["divergence"], row["m"]) == (named, m)), None)


def switches(rows: Sequence[Row]) -> dict[str, float]:
    """The m at which the optimum of a divergence switches, by its name."""
    return {str(row["divergence"]): _number(row["m"]) for row in rows if row["best"] == "both"}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    return [
        _moments(rows),
        _switch_between(rows, "reverse KL", (2.75, 0.6477, 0.6825), (3.0, 0.8406, 0.6888)),
        _switch_between(rows, "JSD", (4.0, 0.2010, 0.2157), (5.0, 0.2554, 0.2158)),
        _half_lost(rows),
        _nothing_better(rows),
        _integrated(rows),
    ]


def _moments(rows: Sequence[Row]) -> Claim:
    own = [row for row in rows if row["divergence"] == "KL"]
    errors = [abs(_number(r["cover_std"]) - math.sqrt(1 + _number(r["m"]) ** 2)) for r in own]
    known = {2.0: 0.171999, 3.0: 0.461995}
    found = {m: _number((_at(rows, "KL", m) or {}).get("cover")) for m in known}
    held = (
        bool(own)
        and set(_best(own)) == {"cover"}
        and most(errors) <= FOUR_DIGITS
        and all(abs(found[m] - value) <= 1e-6 for m, value in known.items())
    )
    return Claim(
        "KL(p‖q) covers at every m: its optimum is N(0, 1 + m²), with 0.171999 nats at m = 2 and "
        "0.461995 at m = 3, and no start ends at one mode.",
        held,
        f"{len(own)} values of m, σ off by at most {most(errors):.1e}; "
        + ", ".join(f"{value:.6f} at m = {m:g}" for m, value in found.items())
        + ".",
    )


def _switch_between(
    rows: Sequence[Row],
    named: str,
    before: tuple[float, float, float],
    after: tuple[float, float, float],
) -> Claim:
    """Each side is m with the known values of the two candidates."""
    held, shown = True, []
    for (m, cover, mode), best in ((before, "cover"), (after, "mode")):
        row: Row = _at(rows, named, m) or {}
        found = _number(row.get("cover")), _number(row.get("mode"))
        near = [abs(a - b) <= FOUR_DIGITS for a, b in zip(found, (cover, mode), strict=True)]
        held = held and row.get("best") == best and all(near)
        shown.append(f"covering {found[0]:.4f} and one mode {found[1]:.4f} at m = {m:g}")
    at = switches(rows).get(named, math.nan)
    held = held and before[0] < at < after[0]
    return Claim(
        f"The {named} still covers both modes at m = {before[0]:g} ({before[1]:.4f} against "
        f"{before[2]:.4f} nats) and takes one at m = {after[0]:g} ({after[2]:.4f} against "
        f"{after[1]:.4f}).",
        held,
        f"{'; '.join(shown)}; they are equal at m = {at:.4f}.",
    )


def _half_lost(rows: Sequence[Row]) -> Claim:
    far = [r for r in rows if r["divergence"] == "reverse KL" and _number(r["m"]) >= 5]
    off = max((abs(_number(r["mode"]) - math.log(2)) for r in far), default=math.nan)
    return Claim(
        "A mode that the reverse KL takes costs log 2 = 0.693147 nats in the end: within 0.001 "
        "from m = 5 on.",
        off <= 1e-3,
        f"off by at most {off:.1e} over {len(far)} values of m.",
    )


def _nothing_better(rows: Sequence[Row]) -> Claim:
    gaps = []
    for row in rows:
        candidates = [v for v in (row["cover"], row["mode"]) if isinstance(v, float)]
        gaps.append(min(candidates) - _number(row["lowest"]))
    gap = most(map(abs, gaps))
    return Claim(
        "The two candidates are all there is: the best of five starts is one of them within "
        f"{INTEGRATION:g} nats at every m.",
        gap <= INTEGRATION,
        f"differs by at most {gap:.1e} nats in {len(gaps)} fits.",
    )


def _integrated(rows: Sequence[Row]) -> Claim:
    most = max((_number(row["off"]) for row in rows), default=math.nan)
    return Claim(
        f"Two ways of integration agree within {INTEGRATION:g} nats on every value.",
        most <= INTEGRATION,
        f"adaptive quadrature and trapezium rule differ by at most {most:.1e} nats.",
    )


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    at = switches(rows)
    own = [f"{name} below m = {m:.2f}" for name, m in at.items()]
    last = max((row for row in rows if row["divergence"] == "KL"), key=lambda r: _number(r["m"]))
    return (
        f"KL(p‖q) covers both modes at every m tried (σ = {_number(last['cover_std']):.2f} at "
        f"m = {_number(last['m']):g}). That the reverse KL seeks a mode, and that the JSD behaves "
        f"like it, is true only of modes that are far apart: {' and '.join(own)} cover both, too, "
        "where m counts a mode's own standard deviations. A picture of the reverse KL at one mode "
        "needs m of 3 or more, one of the JSD 5 or more."
    )


def fits(rows: Sequence[Row]) -> Drawing:
    """The optima of the three divergences beside p, a panel for each of some m."""
    panels = [_fitted(rows, m) for m in SHOWN]
    return Drawing(panels, "One Gaussian fitted to two modes at ±m", columns=3, shared=True)


def _fitted(rows: Sequence[Row], m: float) -> Panel:
    from scipy.stats import norm

    shown: dict[str, Any] = {"p": lambda x: (norm.pdf(x, -m) + norm.pdf(x, m)) / 2}
    for name in DIVERGENCES.values():
        row = _at(rows, name, m)
        assert row is not None, "shown are some of those that are tried"
        mode = row["best"] == "mode"
        mean = _number(row["mode_mean"]) if mode else 0.0
        std = _number(row["mode_std"] if mode else row["cover_std"])
        shown[name] = lambda x, mean=mean, std=std: norm.pdf(x, mean, std)
    return densities(shown, (-m - 4, m + 4), title=f"m = {m:g}")


def switch(rows: Sequence[Row]) -> Drawing:
    """The values of both candidates against m, for the two divergences that switch."""
    panels = []
    for name, at in switches(rows).items():
        own = [row for row in rows if row["divergence"] == name]
        own = [row for row in own if abs(_number(row["m"]) - at) <= AROUND]
        both = {
            label: [_number(row[key]) for row in own]
            for label, key in (("covers both, μ = 0", "cover"), ("at one mode", "mode"))
        }
        panels.append(
            curves(
                [_number(row["m"]) for row in own],
                both,
                title=f"{name}: switches at m = {at:.2f}",
                x_label="m, in standard deviations of a mode",
                y_label="least divergence, nats",
            )
        )
    return Drawing(panels, columns=2)

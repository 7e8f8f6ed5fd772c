"""A known map has a density, by its Jacobian; a generator's density is only estimated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, Panel, curves, densities, surface
from saddlepoint.drawing.panels import legend
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.likelihood.known_maps import MAPS, SAMPLES, Map, of_map, whole
from saddlepoint.lab.row_values import least, most, numbers

Array = NDArray[np.float64]
SIZES = (100, 1000, 10_000, 100_000)  # of the generator's samples
BANDWIDTH, FRESH = 0.1, 2000
HALVED = (0.2, 0.1, 0.05, 0.025)  # bandwidths at which the generator's samples are looked at
MANY = 200_000
GENERATOR, SQUARE = "generator, 1-D z", "generator, 2-D z"

COLUMNS = (
    Column("what", "what"),
    Column("n", "n", "count", ","),
    Column("integral", "∫ density", "number", ".6f"),
    Column("plain", "∫ without |d f⁻¹/dy|", "number", ".4f"),
    Column("ks", "Kolmogorov–Smirnov p", "seeds", ".3f"),
    Column("chi", "χ² p", "seeds", ".3f"),
    Column("tv", "histogram's TV", "seeds", ".4f"),
    Column("ideal", "TV of ideal counts", "seeds", ".4f"),
    Column("wrong", "χ² p without Jacobian", "seeds", ".1e"),
    Column("off", "TV of the estimate", "seeds", ".4f"),
    Column("rise", "log density a halving of h, nats", "seeds", ".3f"),
)


@experiment(
    "transformation",
    chapter=LIKELIHOOD,
    full=Budget(seeds=10, seconds=30),
    fast=Budget(seeds=2, seconds=6),
    pictures=("maps", "generator"),
    lectures=("A 11", "A 12", "A 13", "A 14", "B 2"),
)
def transformation(bench: Bench) -> Findings:
    """Whether a mapped variable has the density of the Jacobian, and what density a generator has.

    x is standard normal and y = f(x) with a known inverse, so p_y(y) = p_x(f⁻¹(y)) |det d f⁻¹/dy|:
    softplus, exp(x/2), and in the plane y₁ = x₁, y₂ = x₂ exp(tanh x₁) + x₁², a coupling as in
    normalising flows. 10,000 samples of each are held against it: Kolmogorov–Smirnov on a line, χ²
    and total variation of a histogram with cells integrated by Gauss's rule, beside the total
    variation that ideal counts have. Leaving the Jacobian out gives no density.

    A generator knows f and not f⁻¹. Here it is a network of two layers of 64 with random weights.
    From z of one dimension its samples are a curve in the plane: they have no density at all, and
    the log of one that is estimated with Gaussians of width h rises by log 2 = 0.693 nats with
    every halving of h; from z of two dimensions it stays. What n samples say of the curve smoothed
    with h = 0.1 is compared with the exact p = ∫ N(y; G(z), h²) p(z) dz by quadrature over z: the
    total variation E max(0, 1 − q/p) over 2,000 fresh points of p, which falls like 1/√n until
    the lattice of the estimate is what is left, about 0.005. (Their KL divergence is no measure of
    it: it is infinite as soon as the estimate is 0 somewhere.)
    """
    parts = bench.all_kept(
        {f"seed-{seed}": lambda seed=seed: measured(seed) for seed in bench.seeds}  # type: ignore[misc]
    )
    rows = [_row(name, SAMPLES, [part[name] for part in parts], **whole(name)) for name in MAPS]
    for n in SIZES:
        off = [{"off": part[GENERATOR]["off"][str(n)]} for part in parts]
        rows.append(_row(f"{GENERATOR}, h = {BANDWIDTH:g}", n, off))
    for name in (GENERATOR, SQUARE):
        rows.append(_row(f"{name}, h → 0", MANY, [{"rise": part[name]["rise"]} for part in parts]))
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"maps": maps(bench.seed), "generator": generated(bench.seed, rows)},
        reading=reading(rows),
    )


def measured(seed: int) -> dict[str, Any]:
    """The figures of every map and generator for one seed."""
    found: dict[str, Any] = {name: of_map(name, seed) for name in MAPS}
    found[GENERATOR] = {"off": estimates(seed), "rise": rise(seed, 1)}
    found[SQUARE] = {"rise": rise(seed, 2)}
    return found


def generator(seed: int, dimensions: int) -> Callable[[Array], Array]:
    """A network of random weights from z (n, dimensions) to the plane, of deviation about 1."""
    import torch

    from saddlepoint.networks.mlp import Mlp
    from saddlepoint.networks.network import Site

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Mlp(hidden=(64, 64)).as_generator(Site((2,), batch=1, inputs=dimensions))
        probe = torch.randn(4096, dimensions)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)  # a curve with more bends than the usual weights give
        spread = float(network(probe).std(0).mean())

    def mapped(z: Array) -> Array:
        with torch.no_grad():
            out = network(torch.from_numpy(z).float()) / spread
        return np.asarray(out.double().numpy())

    return mapped


def estimates(seed: int) -> dict[str, float]:
    """Total variation of the smoothed curve's density and its estimate, by the samples."""
    from saddlepoint.explore import smoothed_density

    made, random = generator(seed, 1), np.random.default_rng([seed, 10])
    fresh = made(random.normal(size=(FRESH, 1)))
    fresh = fresh + BANDWIDTH * random.normal(size=fresh.shape)
    exact = smoothed_exactly(made, fresh)
    found = {}
    for n in SIZES:
        density = smoothed_density(made(random.normal(size=(n, 1))), BANDWIDTH)
        found[str(n)] = float(np.maximum(0, -np.expm1(density.log_density(fresh) - exact)).mean())
    return found


def smoothed_exactly(made: Callable[[Array], Array], points: Array, nodes: int = 4001) -> Array:
    """Log ∫ N(y; G(z), h²I) N(z; 0, 1) dz at points (n, 2), on a lattice of z from −7 to 7."""
    from scipy.special import logsumexp

    z, step = np.linspace(-7, 7, nodes, retstep=True)
    log_weights = -(z**2) / 2 - math.log(2 * math.pi) / 2 + math.log(step)
    curve = made(z[:, None])
    found = []
    for block in np.array_split(points, max(1, len(points) // 250)):
        squares = ((block[:, None] - curve[None]) ** 2).sum(2)
        logs = log_weights - squares / (2 * BANDWIDTH**2)
        found.append(logsumexp(logs, axis=1) - math.log(2 * math.pi * BANDWIDTH**2))
    return np.concatenate(found)


def rise(seed: int, dimensions: int) -> float:
    """By how much the estimated log density of fresh samples rises with a halving of h, a mean."""
    from saddlepoint.explore import smoothed_density

    made, random = generator(seed, dimensions), np.random.default_rng([seed, 20])
    samples, fresh = (made(random.normal(size=(n, dimensions))) for n in (MANY, FRESH))
    inside = np.quantile(np.linalg.norm(samples, axis=1), 0.99)  # the lattice must stay small
    samples, fresh = (x[np.linalg.norm(x, axis=1) <= inside] for x in (samples, fresh))
    logs = [np.median(smoothed_density(samples, h).log_density(fresh)) for h in HALVED]
    return float((logs[-1] - logs[0]) / (len(HALVED) - 1))


def _row(
    name: str, n: int, parts: Sequence[dict[str, float | None]], **exact: float
) -> dict[str, Any]:
    empty: dict[str, Any] = {c.key: None for c in COLUMNS} | {"what": name, "n": n} | exact
    per_seed = (key for key in parts[0] if any(part[key] is not None for part in parts))
    return empty | {key: PerSeed.of(part[key] for part in parts) for key in per_seed}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    own = [row for row in rows if row["what"] in MAPS]
    p_values = [p for row in own for key in ("ks", "chi") for p in _seeds(row, key)]
    lowest = least(p_values)
    threshold = 0.01 / max(1, len(p_values))
    off = max((abs(_number(row["integral"]) - 1) for row in own), default=math.nan)
    plain = [_number(row["plain"]) for row in own]
    wrong = [p for row in own for p in _seeds(row, "wrong")]
    errors = {row["n"]: _mean(row, "off") for row in rows if _seeds(row, "off")}
    power = _power(errors)
    rises = {d: _seeds(_named(rows, f"{d}, h → 0"), "rise") for d in (GENERATOR, SQUARE)}
    means = {name: float(np.mean(v)) if v else math.nan for name, v in rises.items()}
    return [
        Claim(
            "Samples of each map agree with the density by the Jacobian: no p-value is below 0.01 "
            "over their number, and the density integrates to 1 within 1e-5.",
            bool(p_values) and lowest >= threshold and off <= 1e-5,
            f"the least of {len(p_values)} p-values is {lowest:.4f} (threshold {threshold:.1e}); "
            f"integrals are off by at most {off:.1e}.",
        ),
        Claim(
            "Without the Jacobian it is no density: no integral is within 0.05 of 1, and a χ² test "
            "of what is left rejects it with p < 1e-6 in every seed.",
            bool(wrong) and all(abs(v - 1) > 0.05 for v in plain) and most(wrong) < 1e-6,
            f"integrals {', '.join(f'{v:.3f}' for v in plain)}; the largest p-value is "
            f"{most(wrong):.1e}.",
        ),
        Claim(
            "What n samples say of the generator's smoothed density is off by about 1/√n: the "
            "total variation falls as n to a power between −0.6 and −0.4.",
            -0.6 <= power <= -0.4,
            ", ".join(f"{value:.4f} at n = {n:,}" for n, value in errors.items())
            + f"; power {power:.3f}.",
        ),
        Claim(
            "A generator from one dimension has no density in the plane: its estimated log density "
            "rises by log 2 = 0.693 nats a halving of the bandwidth, within 0.1.",
            abs(means[GENERATOR] - math.log(2)) <= 0.1,
            f"{_shown(rows, f'{GENERATOR}, h → 0', 'rise')} nats.",
        ),
        Claim(
            "One from two dimensions has a density: less than a half of that, 0.347 nats.",
            means[SQUARE] < math.log(2) / 2,
            f"{_shown(rows, f'{SQUARE}, h → 0', 'rise')} nats.",
        ),
    ]


def _named(rows: Sequence[Row], name: str) -> Row:
    return next((row for row in rows if row["what"] == name), {})


def _seeds(row: Row, key: str) -> list[float]:
    return numbers(row, key) if key in row else []


def _number(value: object) -> float:
    return value if isinstance(value, float) else math.nan


def _mean(row: Row, key: str) -> float:
    value = row.get(key)
    mean = value.mean if isinstance(value, PerSeed) else None
    return math.nan if mean is None else mean


def _power(errors: dict[Any, float]) -> float:
    """The power of n by which the means fall, least squares of their logarithms."""
    if len(errors) < 2 or not min(errors.values()) > 0:
        return math.nan
    return float(np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0])


def _shown(rows: Sequence[Row], name: str, key: str) -> str:
    column = next(column for column in COLUMNS if column.key == key)
    return column.shown(_named(rows, name).get(key))


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    estimate = f"{GENERATOR}, h = {BANDWIDTH:g}"
    off = {row["n"]: _mean(row, "off") for row in rows if row["what"] == estimate}
    return (
        "Where the inverse is known, the density by the Jacobian is that of the samples. Of a "
        "generator only samples are known, and an estimate needs a bandwidth: "
        f"{SIZES[0]:,} samples miss {off[SIZES[0]]:.0%} of the exact smoothed density, "
        f"{SIZES[-1]:,} still {off[SIZES[-1]]:.1%}. How high a likelihood such an estimate has is "
        "decided by the bandwidth where z has fewer dimensions than the data: it rises by "
        f"{_shown(rows, f'{GENERATOR}, h → 0', 'rise')} nats with each halving, as there is no "
        "density to arrive at."
    )


def maps(seed: int) -> Drawing:
    """Histograms and densities on the line, and samples over the density in the plane."""
    panels = []
    for name, one in MAPS.items():
        random = np.random.default_rng([seed, list(MAPS).index(name)])
        y = one.forward(random.normal(size=(SAMPLES, len(one.limits))))
        if len(one.limits) == 1:
            panels.append(_on_the_line(f"y = {name}", one, y[:, 0]))
        else:
            title, cloud = name.capitalize(), {"samples": y[:400]}
            limits = (-3.0, 3.0, -4.0, 10.0)
            panel = surface(
                one.density,
                limits,
                title=title,
                kind="density",
                clouds=cloud,
                x_label="y₁",
                y_label="y₂",
            )
            panels.append(Panel(panel.title, panel.draw, panel.x, panel.y))
    return Drawing(panels, columns=3)


def _on_the_line(title: str, one: Map, y: Array) -> Panel:
    high = float(np.quantile(y, 0.999))
    panel = densities(
        {
            "with the Jacobian": lambda t: one.density(t[:, None]),
            "without it": lambda t: one.density(t[:, None], jacobian=False),
        },
        (1e-6, high),
        title=title,
        x_label="y",
    )

    def draw(axes: Any, palette: Any) -> None:
        panel.draw(axes, palette)
        axes.hist(
            y,
            60,
            range=(0, high),
            density=True,
            histtype="step",
            color=palette.ink,
            label="samples",
        )
        legend(axes, palette)

    return Panel(panel.title, draw, panel.x, panel.y)


def generated(seed: int, rows: Sequence[Row]) -> Drawing:
    """The curve that a generator makes, its smoothed density, and how good an estimate of it is."""
    from saddlepoint.explore import smoothed_density

    made, random = generator(seed, 1), np.random.default_rng([seed, 30])
    cloud = made(random.normal(size=(400, 1)))
    low, high = cloud.min(0) - 0.5, cloud.max(0) + np.array([0.5, 1.5])  # room for the legend
    density = smoothed_density(made(random.normal(size=(SIZES[-1], 1))), BANDWIDTH)
    picture = surface(
        lambda x: np.maximum(np.exp(density.log_density(x)), 1e-3),  # no line around nothing
        (float(low[0]), float(high[0]), float(low[1]), float(high[1])),
        title="Samples of a generator, smoothed",
        kind="density",
        clouds={"G(z), z of one dimension": cloud},
    )
    own = [row for row in rows if _seeds(row, "off")]
    values = [np.array(_seeds(row, "off")) for row in own]
    band = Band([v.mean() for v in values], [v.min() for v in values], [v.max() for v in values])
    fit = curves(
        SIZES,
        {
            "total variation": band,
            "1/√n": [values[0].mean() * (SIZES[0] / n) ** 0.5 for n in SIZES],
        },
        title="How far the estimate is off",
        x_label="samples n",
        y_label="total variation",
        logarithmic=("x", "y"),
    )
    return Drawing([Panel(picture.title, picture.draw, picture.x, picture.y), fit], columns=2)

"""The Dirac-GAN: what penalties and dynamics do around its equilibrium."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel, curves, phase_portrait
from saddlepoint.games.dynamics import Dynamics, Simultaneous
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.game.dirac_variants import (
    MEETING,
    RATE,
    VARIANTS,
    Variant,
    noise_eigenvalues,
    r1_eigenvalues,
)
from saddlepoint.lab.row_values import least, most, number, numbers, shown

if TYPE_CHECKING:
    from saddlepoint.games.bare import BareGame

Array = NDArray[np.float64]
STEPS, SETTLED = 500, 100
NEAR = 1e-3  # distance at which local orbits begin
FLOOR = 1e-13  # distance above which rounding does not tell on them
LIMIT = 1.0  # of the clipped critic
TOLERANCE, DEFECTIVE, RATE_TOLERANCE = 1e-9, 1e-6, 0.005
CONVERGED, STAYED = 0.01, 0.1  # distances after the orbit from (1, 1)


DRAWN = (0, 1, 2, 3, 4, 5, 7, 9)

COLUMNS = (
    Column("variant", "variant"),
    Column("real", "Re λ", "number", ".6f"),
    Column("imaginary", "Im λ", "number", ".6f"),
    Column("theory", "theory"),
    Column("deviation", "off by", "number", ".0e"),
    Column("modulus", "modulus of a step", "number", ".5f"),
    Column("expected", "from theory", "number", ".5f"),
    Column("measured", "measured rate", "seeds", ".5f"),
    Column("end", f"distance after {STEPS} steps from (1, 1)", "number", ".2e"),
)


@experiment(
    "dirac-gan",
    chapter=GAME,
    full=Budget(seeds=6, seconds=30),
    fast=Budget(seeds=3, seconds=20),
    pictures=("portraits", "rates"),
    lectures=("E 8", "E 9"),
)
def dirac_gan(bench: Bench) -> Findings:
    """Which penalties let the smallest of all GANs converge, and how fast.

    The data are the number 0, the generator makes the number θ, the critic scores ψx (Mescheder,
    Geiger and Nowozin, Which Training Methods for GANs do actually Converge?, 2018). Around θ = ψ =
    0 the eigenvalues in continuous time are ±i/2 without a penalty; −γ/2 ± √(γ²/4 − ¼) with R1 or
    R2, critical at γ = 1; −σ²/4 ± √(σ⁴/16 − ¼) with instance noise, critical at σ² = 2; −γ/4 ±
    i/2 with consensus optimisation. They are found here from steps linearised in float64.

    A step of rate h = 0.2 then multiplies the distance by the largest |1 + hλ|. Each seed starts
    500 steps at distance 0.001 in a direction of its own; the measured rate is (rₙ/r₁₀₀)^(1/(n −
    100)), n = 500 or where rounding begins (1e-13). Where two eigenvalues meet, distances carry a
    factor t beside the modulus. Another orbit starts at (1, 1), as in the paper's figures: WGAN's
    critic is clipped to [−1, 1], and WGAN-GP has the slope 1 as its target with λ = 0.7, so that
    (0, 0) is no equilibrium of it.
    """
    parts = {f"seed-{seed}": partial(local_rates, seed) for seed in bench.seeds}
    by_seed = bench.all_kept(parts)
    whole = bench.kept(
        "orbits", lambda: {v.name: orbit(v, (1.0, 1.0), STEPS).tolist() for v in VARIANTS}
    )
    orbits = {name: np.array(way) for name, way in whole.items()}
    rows = [row(variant, by_seed, orbits[variant.name]) for variant in VARIANTS]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"portraits": portraits(orbits), "rates": rates(orbits)},
        reading=reading(rows),
    )


def orbit(variant: Variant, start: tuple[float, float], steps: int) -> Array:
    """The points (steps + 1, 2) of θ and ψ."""
    import torch

    from saddlepoint.games.bare import tensors
    from saddlepoint.schedules import Elapsed

    game = variant.game(tensors(critic=start[1], generator=start[0]))
    memory: dict[str, torch.Tensor] = {}
    way = [start]
    for done in range(steps):
        variant.dynamics.step(game, memory, Elapsed(done / max(steps - 1, 1), images=done))
        if variant.clipped:
            held = game.values["critic"].detach().clamp(-LIMIT, LIMIT)
            game.values["critic"] = held.requires_grad_()
        way.append((game.values["generator"].item(), game.values["critic"].item()))
    return np.array(way)


def local_rates(seed: int) -> dict[str, Any]:
    """The measured modulus of a step near (0, 0), of variants with an equilibrium there."""
    angle = float(np.random.default_rng(seed).uniform(0, 2 * math.pi))
    start = (NEAR * math.cos(angle), NEAR * math.sin(angle))
    found = {}
    for variant in VARIANTS:
        if variant.has_equilibrium and variant.objective != "wasserstein":
            distance = np.linalg.norm(orbit(variant, start, STEPS), axis=1)
            last = int(np.flatnonzero(distance >= FLOOR)[-1])  # below, rounding is all there is
            ratio = float(distance[last] / distance[SETTLED])
            found[variant.name] = ratio ** (1 / (last - SETTLED))
    return found


def eigenvalues(variant: Variant) -> tuple[NDArray[np.complexfloating[Any, Any]], float]:
    """In continuous time, from a simultaneous step at (0, 0); and the modulus of its own step."""
    from saddlepoint.games.bare import linearised, spectral_radius, tensors

    origin = tensors(critic=0.0, generator=0.0)
    smooth = Simultaneous() if variant.dynamics.alternates else variant.dynamics
    step = linearised(smooth, variant.game, origin)
    values = np.sort_complex(np.linalg.eigvals((step.numpy() - np.eye(2)) / RATE) + 0j)
    own = linearised(variant.dynamics, variant.game, origin)
    return values, spectral_radius(own)


def row(variant: Variant, by_seed: Sequence[dict[str, Any]], way: Array) -> Row:
    """The row of a variant."""
    known: dict[str, float | str | None] = dict.fromkeys(
        ("real", "imaginary", "deviation", "modulus", "expected")
    )
    known["theory"] = "none: (0, 0) is no equilibrium"
    if variant.theory is not None:
        values, modulus = eigenvalues(variant)
        theory = np.sort_complex(np.array(variant.theory))
        expected = 1.0 if variant.dynamics.alternates else float(np.abs(1 + RATE * theory).max())
        known = {
            "real": float(values.real.max()),
            "imaginary": float(values.imag.max()),
            "theory": _words(theory),
            "deviation": float(np.abs(values - theory).max()),
            "modulus": modulus,
            "expected": expected,
        }
    rates = [found[variant.name] for found in by_seed if variant.name in found]
    return {
        "variant": variant.name,
        **known,
        "measured": PerSeed.of(rates) if rates else None,
        "end": float(np.linalg.norm(way[-1])),
    }


def _words(values: NDArray[np.complexfloating[Any, Any]]) -> str:
    first, second = values
    real, turn = (f"{v:.5g}".replace("-", "−") for v in (second.real, abs(second.imag)))
    if abs(second.imag) > 1e-9:
        return f"{real} ± {turn}i" if abs(second.real) > 1e-9 else f"±{turn}i"
    return f"{first.real:.5g}, {second.real:.5g}".replace("-", "−")


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    by = {str(r["variant"]): r for r in rows}
    known = [r for r in rows if isinstance(r["deviation"], float)]
    off = [number(r, "deviation") for r in known]
    right = all(
        o <= (DEFECTIVE if r["variant"] in MEETING else TOLERANCE)
        for o, r in zip(off, known, strict=True)
    )
    moduli = [abs(number(r, "modulus") - number(r, "expected")) for r in known]
    apart = [
        abs(v - number(r, "expected"))
        for r in known
        for v in numbers(r, "measured")
        if r["variant"] not in MEETING
    ]
    names = {variant.name: variant.converges for variant in VARIANTS}
    ends = {name: number(by[name], "end") for name in names}
    reach = {name: end for name, end in ends.items() if names[name]}
    stay = {name: end for name, end in ends.items() if not names[name]}
    turns = [number(by[name], "imaginary") for name in ("R1, γ = 0.3", "noise, σ = 0.7")]
    still = [number(by[name], "imaginary") for name in (*MEETING, "R1, γ = 2")]
    fastest = {g: number(by[f"R1, γ = {g}"], "modulus") for g in ("0.3", "1", "2")}
    return [
        Claim(
            f"Eigenvalues are those of the theory to {TOLERANCE:g}; where two of them meet, to "
            f"{DEFECTIVE:g}.",
            right and most(moduli) <= DEFECTIVE,
            f"largest difference {most(off):.1e}, of moduli {most(moduli):.1e}.",
        ),
        Claim(
            "Orbits near (0, 0) shrink or grow by the modulus of the theory, to "
            f"{RATE_TOLERANCE:g} a step, from every start (where eigenvalues meet left out).",
            bool(apart) and most(apart) <= RATE_TOLERANCE,
            "; ".join(
                f"{r['variant']}: {shown(COLUMNS, r, 'measured')}"
                for r in known
                if isinstance(r["measured"], PerSeed)
            )
            + f"; largest difference {most(apart):.4f}.",
        ),
        Claim(
            f"Without a cure, with WGAN's clipping and with WGAN-GP the orbit from (1, 1) is "
            f"farther than {STAYED:g} from (0, 0) after {STEPS} steps.",
            least(stay.values()) > STAYED,
            ", ".join(f"{name} {end:.3g}" for name, end in stay.items()) + ".",
        ),
        Claim(
            f"With R1, instance noise and consensus it is nearer than {CONVERGED:g}.",
            most(reach.values()) < CONVERGED,
            ", ".join(f"{name} {end:.1e}" for name, end in reach.items()) + ".",
        ),
        Claim(
            "Below γ = 1 and σ² = 2 the players turn (|Im λ| > 0.1), at and above them they do not "
            f"(|Im λ| < {DEFECTIVE:g}); γ = 1 is faster than 0.3 and 2.",
            min(turns) > 0.1
            and most(map(abs, still)) < DEFECTIVE
            and fastest["1"] < min(fastest["0.3"], fastest["2"]),
            f"Im λ below: {', '.join(f'{t:.4f}' for t in turns)}; at and above: "
            f"{', '.join(f'{t:.1e}' for t in still)}; moduli of R1 "
            f"{', '.join(f'{m:.5f}' for m in fastest.values())} at γ = 0.3, 1, 2.",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    by = {str(r["variant"]): r for r in rows}
    return (
        "Without a penalty the eigenvalues lie on the imaginary axis: simultaneous steps multiply "
        f"the distance by {number(by['simultaneous'], 'modulus'):.5f} and leave, alternating "
        "ones keep it; from (1, 1) both come in, slowly, to a cycle or towards one "
        f"({number(by['simultaneous'], 'end'):.2f} and {number(by['alternating'], 'end'):.2f} "
        "away). WGAN's clipped critic and WGAN-GP's, which is drawn to slopes of 1, do not "
        f"settle: their orbits end {number(by['WGAN'], 'end'):.2f} and "
        f"{number(by['WGAN-GP'], 'end'):.2f} away. "
        f"R1 draws in by {number(by['R1, γ = 0.3'], 'modulus'):.5f} a step at γ = 0.3, "
        f"{number(by['R1, γ = 1'], 'modulus'):.5f} at 1, where turning stops, and only "
        f"{number(by['R1, γ = 2'], 'modulus'):.5f} at 2: a penalty can be too strong. Consensus "
        f"({number(by['consensus, γ = 1'], 'modulus'):.5f}) and instance noise "
        f"({number(by['noise, σ = 0.7'], 'modulus'):.5f} at σ = 0.7) draw in as well."
    )


def portraits(orbits: dict[str, Array]) -> Drawing:
    """Phase portraits with the orbit from (1, 1)."""
    panels = []
    for which in DRAWN:
        variant = VARIANTS[which]
        panel = phase_portrait(
            partial(_field, variant),
            (-2.0, 2.0, -2.0, 2.0),
            orbits={"from (1, 1)": orbits[variant.name]},
            solution=(0.0, 0.0),
            title=variant.name,
        )
        panels.append(replace(panel, is_control=which == 0))
    return Drawing(panels, columns=4)


def rates(orbits: dict[str, Array]) -> Drawing:
    """Distances by steps, and eigenvalues by what strengthens R1 and the noise."""
    distances = {}
    for which in (0, 3, 4, 5, 7, 9):
        far = np.linalg.norm(orbits[VARIANTS[which].name], axis=1)
        distances[VARIANTS[which].name] = np.where(far > 1e-8, far, np.nan)
    panel = curves(
        np.arange(STEPS + 1),
        distances,
        title="Distance from (0, 0)",
        x_label="steps",
        y_label="√(θ² + ψ²)",
        logarithmic=("y",),
    )
    return Drawing([panel, _critical(), _critical_noise()], columns=3)


def _critical() -> Panel:
    return _speeds(np.linspace(0, 2.5, 251), r1_eigenvalues, "R1: eigenvalues", "γ")


def _critical_noise() -> Panel:
    def of_variance(variance: float) -> tuple[complex, complex]:
        return noise_eigenvalues(math.sqrt(variance))

    return _speeds(np.linspace(0, 5, 251), of_variance, "noise: eigenvalues", "σ²")


def _speeds(
    strengths: Array, of: Callable[[float], tuple[complex, complex]], title: str, label: str
) -> Panel:
    pairs = [of(float(strength)) for strength in strengths]
    return curves(
        strengths,
        {
            "Re λ, slower": [max(v.real for v in pair) for pair in pairs],
            "Re λ, faster": [min(v.real for v in pair) for pair in pairs],
            "|Im λ|": [max(abs(v.imag) for v in pair) for pair in pairs],
        },
        title=title,
        x_label=label,
        y_label="eigenvalue",
    )


def _field(variant: Variant, points: Array) -> Array:
    """Velocities (θ, ψ) at points, −v, of consensus with its pull."""
    from saddlepoint.games.bare import tensors

    velocities = []
    for theta, psi in points:
        game = variant.game(tensors(critic=float(psi), generator=float(theta)))
        step_with(variant.dynamics, game)
        velocities.append((game.values["generator"].item(), game.values["critic"].item()))
    return (np.array(velocities) - points) / RATE


def step_with(dynamics: Dynamics, game: BareGame) -> None:
    """One step; of alternating players a simultaneous one, which is that of the field."""
    from saddlepoint.schedules import Elapsed

    smooth = Simultaneous() if dynamics.alternates else dynamics
    smooth.step(game, {}, Elapsed(0.0))

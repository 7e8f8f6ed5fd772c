"""Vanishing gradients: what each cost tells the generator, exactly and while a critic learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from saddlepoint.drawing import Band, Drawing, Panel, curves
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.game import generator_gradients
from saddlepoint.lab.game.generator_gradients import (
    SHARES,
    Told,
    between_gaussians,
    looks,
    on_digits,
)
from saddlepoint.lab.game.two_gaussians import (
    density,
    descended_gradient,
    line,
    logit,
    played_gradient,
    slopes,
)
from saddlepoint.lab.row_values import number, shown

GAMES = {
    "minimax": "minimax",
    "non_saturating": "non-saturating",
    "maximum_likelihood": "maximum likelihood",
    "wasserstein": "Wasserstein",
}
LEARNED = ("minimax", "non_saturating", "wasserstein")
DISTANCES = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
EARLY = 10  # updates of the critic after which it is first compared
TOLERANCE, FALLS, STAYS = 1e-6, 100.0, 10.0

COLUMNS = (
    Column("setting", "setting"),
    Column("game", "generator's cost"),
    Column("exact", "|gradient| at D*", "number", ".6f"),
    Column("deviation", "from its divergence", "number", ".0e"),
    Column("exact_noise", "its deviation over fakes", "number", ".6f"),
    Column("early", f"learned: after {EARLY} updates", "seeds", ".3g"),
    Column("peak", "largest", "seeds", ".3g"),
    Column("last", "at the end", "seeds", ".2g"),
    Column("noise_early", f"noise after {EARLY}", "seeds", ".2g"),
    Column("noise_last", "noise at the end", "seeds", ".2g"),
)


@experiment(
    "vanishing-gradients",
    chapter=GAME,
    full=Budget(seeds=4, seconds=180),
    fast=Budget(seeds=3, seconds=40),
    pictures=("gradients",),
    lectures=("D 9", "A 20", "B 9", "C 4"),
)
def vanishing_gradients(bench: Bench) -> Findings:
    """Whether the generator's gradient vanishes as the critic gets better, and with which cost.

    Exactly: of data N(0, 1) and fakes N(θ, 1), the gradient by θ with the best critic, by
    quadrature of the game and, independently, from the divergence that the game descends: 2·JSD,
    KL(q‖p) − 2·JSD, KL(p‖q) and W₁ (its critic −x, of slope 1).

    Learned: a generator is frozen, a critic trained from scratch, and after 1 to 1,000 of its
    updates each cost is differentiated. Of Gaussians in the plane, whose second coordinate is N(0,
    1) on both sides (θ = 4 and 8), the gradient is by θ, its noise the deviation over single
    fakes; at θ = 4 the exact minimax gradient is 0.137, so that it is to vanish at θ = 8 alone.
    For the 8×8 digits a small DCGAN is frozen after 25, 50 and 100 % of 400 steps; the gradient is
    the norm by all weights, its noise the root of the total variance over batches of 64. The
    Wasserstein critic has WGAN-GP's penalty, λ = 10; critics have no norms and Adam's rate 1e-3.
    The figure is that of Arjovsky and Bottou 2017 (2 and 3), at two-core size.
    """
    updates = 300 if bench.fast else generator_gradients.LOOKS[-1]
    distances, shares = ((8.0,), SHARES[-1:]) if bench.fast else ((4.0, 8.0), SHARES)
    lines = {
        (theta, seed): (
            f"theta-{theta:g}-seed-{seed}",
            partial(between_gaussians, theta, seed, updates),
        )
        for theta in distances
        for seed in bench.seeds
    }
    digits = {
        seed: (f"digits-seed-{seed}", partial(on_digits, seed, shares, updates))
        for seed in bench.seeds
    }
    parts: dict[str, Callable[[], dict[str, Any]]] = dict([*lines.values(), *digits.values()])
    found = dict(zip(parts, bench.all_kept(parts), strict=True))
    told: dict[str, list[Told]] = {
        _at(theta): [found[lines[theta, seed][0]] for seed in bench.seeds] for theta in distances
    }
    for share in shares:
        told[_after(share)] = [found[digits[s][0]][f"{share:g}"] for s in bench.seeds]
    places = looks(updates)
    rows = [
        row(_at(theta), game, theta, told.get(_at(theta)), places)
        for theta in DISTANCES
        for game in GAMES
    ]
    rows += [
        row(_after(share), game, None, told[_after(share)], places)
        for share in shares
        for game in LEARNED
    ]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"gradients": picture(rows, told, places)},
        reading=reading(rows),
    )


def row(
    setting: str,
    game: str,
    theta: float | None,
    told: Sequence[Told] | None,
    places: Sequence[int],
) -> Row:
    """A cost in a setting: what is exact, and what generators of all seeds were told."""
    exact = deviation = noise = None
    if theta is not None:
        exact = played_gradient(game, theta)
        deviation = abs(exact - descended_gradient(game, theta))
        noise = exact_noise(game, theta)
    learned: dict[str, PerSeed | None] = dict.fromkeys(
        ("early", "peak", "last", "noise_early", "noise_last")
    )
    if told is not None and game in LEARNED:
        early = places.index(min(EARLY, places[-1]))
        means = [seed[game]["mean"] for seed in told]
        noises = [seed[game]["noise"] for seed in told]
        learned = {
            "early": PerSeed.of(mean[early] for mean in means),
            "peak": PerSeed.of(map(max, means)),
            "last": PerSeed.of(mean[-1] for mean in means),
            "noise_early": PerSeed.of(each[early] for each in noises),
            "noise_last": PerSeed.of(each[-1] for each in noises),
        }
    name = GAMES[game]
    return {
        "setting": setting,
        "game": name,
        "exact": exact,
        "deviation": deviation,
        "exact_noise": noise,
        **learned,
    }


def exact_noise(game: str, theta: float) -> float | None:
    """The deviation over fakes of one fake's gradient at D*; None where it is of no use.

    Maximum likelihood's variance is θ²(exp(θ²) − 1), which no number of fakes shows.
    """
    if game == "maximum_likelihood":
        return None
    if game == "wasserstein":
        return 0.0
    x, step = line(theta)
    q = density(x, theta)
    each = slopes(game, logit(x, theta)) * -theta
    mean = float((each * q).sum() * step)
    return math.sqrt(max(0.0, float(((each - mean) ** 2 * q).sum() * step)))


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    exact = [r for r in rows if isinstance(r["exact"], float)]
    far = {r["game"]: number(r, "exact") for r in exact if r["setting"] == _at(8.0)}
    off = max(number(r, "deviation") for r in exact)
    made = [
        Claim(
            f"In each game the gradient at the best critic is that of its divergence, to "
            f"{TOLERANCE:g}.",
            off <= TOLERANCE,
            f"largest difference {off:.1e}, over {len(exact)} pairs of θ and cost.",
        ),
        Claim(
            "At θ = 8 the exact minimax gradient is below 0.001, the non-saturating one 8 and the "
            "Wasserstein one 1, to 0.001.",
            far[GAMES["minimax"]] < 1e-3
            and abs(far[GAMES["non_saturating"]] - 8) <= 1e-3
            and abs(far[GAMES["wasserstein"]] - 1) <= 1e-3,
            ", ".join(f"{name} {value:.6f}" for name, value in far.items()) + ".",
        ),
    ]
    learned = [r for r in rows if isinstance(r["last"], PerSeed)]
    for place, chosen in (
        # at θ = 4 the exact gradients of all games are of one size yet, so that nothing vanishes
        ("between Gaussians at θ = 8", [r for r in learned if r["setting"] == _at(8.0)]),
        ("on digits", [r for r in learned if r["exact"] is None]),
    ):
        if chosen:
            made += _learned(place, chosen)
    return made


def _learned(place: str, rows: Sequence[Row]) -> list[Claim]:
    """The lecture's three sentences, in one place."""
    flat, steep, even = ([r for r in rows if r["game"] == GAMES[game]] for game in LEARNED)
    return [
        Claim(
            f"As the critic learns {place}, the minimax gradient falls to at most 1/{FALLS:g} of "
            "its largest value, in every setting and seed.",
            _all(flat, "last", "peak", lambda last, peak: last * FALLS <= peak),
            _each(flat, "peak", "last"),
        ),
        Claim(
            f"The gradient of −log D grows {place}: at the end it is larger than after {EARLY} "
            "updates, in every setting and seed.",
            _all(steep, "early", "last", lambda early, last: last > early),
            _each(steep, "early", "last"),
        ),
        Claim(
            f"So does its noise {place}: larger at the end than after {EARLY} updates, in every "
            "setting and seed.",
            _all(steep, "noise_early", "noise_last", lambda early, last: last > early),
            _each(steep, "noise_early", "noise_last"),
        ),
        Claim(
            f"The gradient of the penalised Wasserstein critic stays {place}: at the end it is at "
            f"least 1/{STAYS:g} of its largest value, in every setting and seed.",
            _all(even, "last", "peak", lambda last, peak: last * STAYS >= peak),
            _each(even, "peak", "last"),
        ),
    ]


def _all(rows: Sequence[Row], one: str, other: str, fits: Callable[[float, float], bool]) -> bool:
    for r in rows:
        pair = r[one], r[other]
        if not all(isinstance(each, PerSeed) for each in pair):
            return False
        values = [each.values for each in pair if isinstance(each, PerSeed)]
        for a, b in zip(*values, strict=True):
            if a is None or b is None or not fits(a, b):
                return False
    return bool(rows)


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    by = {(r["setting"], r["game"]): r for r in rows}
    line = {game: by[_at(8.0), GAMES[game]] for game in LEARNED}
    place = [str(r["setting"]) for r in rows if r["exact"] is None][-1]
    flat, steep, even = (by[place, GAMES[game]] for game in LEARNED)
    peak, last, early = (partial(_shown, key=key) for key in ("peak", "last", "early"))
    noise_early, noise_last = (partial(_shown, key=f"noise_{key}") for key in ("early", "last"))
    return (
        "With the best critic only the minimax gradient vanishes: at θ = 8 it is "
        f"{number(line['minimax'], 'exact'):.6f}. That of −log D does not vanish in the mean, it "
        f"tends to that of the KL ({number(line['non_saturating'], 'exact'):.3f} at θ = 8), and "
        "over fakes it then hardly differs (deviation "
        f"{number(line['non_saturating'], 'exact_noise'):.4f}). What grows is the gradient of "
        f"critics that are learned: with a generator of {place}, from {early(steep)} to "
        f"{last(steep)}, and its noise from {noise_early(steep)} to {noise_last(steep)}, while the "
        f"minimax gradient goes from its largest value {peak(flat)} to {last(flat)}, and the "
        f"Wasserstein one ends at {last(even)}. Between the Gaussians at θ = 8 the minimax "
        f"gradient goes from {peak(line['minimax'])} at most to {last(line['minimax'])}; it begins "
        "small, since an untrained critic says little, and with the best critic it would end at "
        f"{number(line['minimax'], 'exact'):.6f}."
    )


def picture(rows: Sequence[Row], told: dict[str, list[Told]], places: Sequence[int]) -> Drawing:
    """The exact gradients by θ, and learned ones by updates of the critic, bands over seeds."""
    exact = {
        name: [number(r, "exact") for r in rows if r["game"] == name and r["exact"] is not None]
        for name in GAMES.values()
    }
    panels = [
        curves(
            DISTANCES,
            exact,
            title="Exact, with the best critic",
            x_label="θ, data N(0, 1), fakes N(θ, 1)",
            y_label="|dJ/dθ|",
            logarithmic=("y",),
        )
    ]
    digits = [setting for setting in told if setting.startswith("digits")]
    chosen = [(_at(8.0), "mean", "|dJ/dθ|"), (_at(8.0), "noise", "deviation over fakes")]
    chosen += [(setting, "mean", "|dJ/dweights|") for setting in digits[:: max(1, len(digits) - 1)]]
    chosen.append((digits[-1], "noise", "deviation over batches"))
    panels += [_panel(told[s], which, places, s, label) for s, which, label in chosen]
    return Drawing(panels, columns=3)


def _panel(
    told: Sequence[Told], which: str, places: Sequence[int], setting: str, label: str
) -> Panel:
    series = {}
    for game in LEARNED:
        values = np.array([seed[game][which] for seed in told])
        values = np.where(values > 0, values, np.nan)  # what underflowed leaves a gap
        middle = np.exp(np.log(values).mean(axis=0))
        series[GAMES[game]] = Band(middle, values.min(axis=0), values.max(axis=0))
    return curves(
        places,
        series,
        title=f"{setting}: {which}",
        x_label="critic updates",
        y_label=label,
        logarithmic=("x", "y"),
    )


def _at(theta: float) -> str:
    return f"θ = {theta:g}"


def _after(share: float) -> str:
    return f"digits, at {share:.0%}"


def _shown(row: Row, key: str) -> str:
    return shown(COLUMNS, row, key)


def _each(rows: Sequence[Row], one: str, other: str) -> str:
    return "; ".join(f"{r['setting']}: {_shown(r, one)}, {_shown(r, other)}" for r in rows) + "."

"""Two-sample tests of H₀: π = p: their statistics, thresholds, type-I errors and power."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, Panel, curves
from saddlepoint.drawing.panels import legend
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import LIKELIHOOD, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette

Array = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], Array]
SIZES = (25, 50, 100, 200)
LAST = SIZES[-1]
TRIES, FEW_TRIES = 40, 15  # of each seed, size and difference
STATISTIC_AT = 100  # samples of each side at which statistics are shown
LEVEL = 0.05
NEIGHBOURS = "classifier, neighbours"
#: Equal mean and variance as N(0, 1), and two modes: a² + s² = 1.
MODES_AT, MODES_STD = 0.9, math.sqrt(1 - 0.9**2)


def _normal(mean: float, std: float) -> Draw:
    return lambda n, random: random.normal(mean, std, size=n)


def _two_modes(n: int, random: np.random.Generator) -> Array:
    return np.asarray(random.choice([-MODES_AT, MODES_AT], n) + random.normal(0, MODES_STD, n))


NULL, SHIFT, SPREAD, SHAPE = "no difference", "N(0.3, 1)", "N(0, 2²)", "two modes"
#: What is compared with N(0, 1).
DIFFERENCES: dict[str, Draw] = {
    NULL: _normal(0, 1),
    SHIFT: _normal(0.3, 1),
    SPREAD: _normal(0, 2),
    SHAPE: _two_modes,
}

COLUMNS = (
    Column("difference", "against N(0, 1)"),
    Column("test", "test"),
    Column("tries", "tries at each n", "count"),
    *(Column(f"n{n}", f"rejects at n = {n}, %", "interval", ".0f", 100) for n in SIZES),
    Column("statistic", f"statistic at n = {STATISTIC_AT}", "seeds", ".3g"),
    Column("threshold", "its threshold", "seeds", ".3g"),
)


@experiment(
    "two-sample",
    chapter=LIKELIHOOD,
    full=Budget(seeds=5, seconds=90),
    fast=Budget(seeds=1, seconds=10),
    pictures=("power", "statistics"),
    lectures=("D 3",),
)
def two_sample(bench: Bench) -> Findings:
    """Which two-sample test notices which difference, how soon, and how often it is wrong.

    H₀: π = p. A test rejects where its statistic passes the threshold that it passes with
    probability α = 5 % under H₀. All tests of the house are given the same samples of N(0, 1) and
    of N(0, 1) again, of a small shift, of another spread, and of ½ N(−0.9, 0.19) + ½ N(0.9, 0.19),
    which has N(0, 1)'s mean, variance and third moment. The learnt statistic is the accuracy of a
    classifier on the half that it was not trained on, logistic in coordinates and squares or by
    neighbours. (Lopez-Paz and Oquab, 2017; Gretton et al., 2012.)

    Each seed makes 40 tries of each size, 99 permutations a test; intervals are Clopper and
    Pearson's of 95 % over all tries. Statistic and threshold are means and the 95 % quantile under
    H₀, of a seed's tries.
    """
    tries = FEW_TRIES if bench.fast else TRIES
    parts = bench.all_kept(
        {
            f"{number}-{seed}": lambda name=name, seed=seed: tried(name, seed, tries)  # type: ignore[misc]
            for seed in bench.seeds
            for number, name in enumerate(DIFFERENCES)
        }
    )
    by_name = {name: parts[number :: len(DIFFERENCES)] for number, name in enumerate(DIFFERENCES)}
    rows = [
        _row(name, test, by_name, tries) for name in DIFFERENCES for test in parts[0]["rejected"]
    ]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"power": powers(rows), "statistics": statistics(by_name)},
        reading=reading(rows),
    )


def tried(name: str, seed: int, tries: int) -> dict[str, Any]:
    """Rejections of every test at every size, and its statistics at one."""
    from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS, two_sample_test
    from saddlepoint.two_sample.learned import neighbours
    from saddlepoint.two_sample.power import power

    draws = DIFFERENCES[NULL], DIFFERENCES[name]
    options: dict[str, Any] = {"sizes": SIZES, "repetitions": tries, "seed": seed, "level": LEVEL}
    usual = power(list(TWO_SAMPLE_TESTS), *draws, **options)
    learnt = power("classifier", *draws, **options, classifier=neighbours)
    shares = {**usual.shares, NEIGHBOURS: learnt.shares["classifier"]}
    values: dict[str, list[float]] = {test: [] for test in shares}
    for number in range(tries):
        random = np.random.default_rng([seed, list(DIFFERENCES).index(name), number])
        real, fake = (draw(STATISTIC_AT, random) for draw in draws)
        for test in shares:
            kind = "classifier" if test == NEIGHBOURS else test
            own: dict[str, Any] = {"classifier": neighbours} if test == NEIGHBOURS else {}
            if "permutations" in TWO_SAMPLE_TESTS[kind].options:
                own = {"permutations": 19}  # the least: the statistic alone is wanted
            found = two_sample_test(real, fake, kind, number, **own)
            values[test].append(found.statistic.value)
    return {
        "rejected": {
            test: [round(share.value * tries) for share in own] for test, own in shares.items()
        },
        "statistics": values,
    }


def _row(
    name: str, test: str, parts: Mapping[str, Sequence[Mapping[str, Any]]], tries: int
) -> dict[str, Any]:
    from saddlepoint.metrics.estimate import proportion

    total = tries * len(parts[name])
    shares = {}
    for column, n in enumerate(SIZES):
        rejected = sum(part["rejected"][test][column] for part in parts[name])
        share = proportion(rejected, total, n, n)
        shares[f"n{n}"] = Interval(share.value, share.low, share.high)
    nulls = (part["statistics"][test] for part in parts[NULL])
    return {
        "difference": name,
        "test": test.replace("_", " "),
        "tries": total,
        **shares,
        "statistic": PerSeed.of(float(np.mean(part["statistics"][test])) for part in parts[name]),
        "threshold": PerSeed.of(float(np.quantile(null, 1 - LEVEL)) for null in nulls),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    seen = {(str(row["difference"]), str(row["test"])): row for row in rows}
    return [
        _type_one(rows),
        _blind(seen),
        _learnt(seen),
        _sees_everything(seen),
        _below(seen, SHIFT, "classifier", "energy", "half of its samples go into training"),
        _below(seen, SPREAD, "kolmogorov smirnov", "mmd", "the tails say little to it"),
    ]


def _type_one(rows: Sequence[Row]) -> Claim:
    from scipy.stats import binom

    null = [row for row in rows if row["difference"] == NULL]
    each = max((count for row in null if isinstance(count := row["tries"], int)), default=0)
    tries = each * len(SIZES)
    errors = {
        str(row["test"]): round(
            sum(v.value for n in SIZES if isinstance(v := row[f"n{n}"], Interval)) * each
        )
        for row in null
    }
    most = int(binom.ppf(0.99, tries, LEVEL)) if tries else 0
    return Claim(
        "Without a difference no test rejects more often than at its level of 5 %, up to the "
        f"binomial quantile of 99 % ({most} of {tries} tries).",
        bool(errors) and max(errors.values()) <= most,
        "; ".join(f"{test} {count}" for test, count in errors.items()) + ".",
    )


def _share(seen: Mapping[tuple[str, str], Row], name: str, test: str, n: int) -> Interval:
    value = seen[name, test][f"n{n}"] if (name, test) in seen else None
    return value if isinstance(value, Interval) else Interval(math.nan, math.nan, math.nan)


def _told(share: Interval) -> str:
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"


def _blind(seen: Mapping[tuple[str, str], Row]) -> Claim:
    shares = {test: _share(seen, SHAPE, test, LAST) for test in ("mmd cubic", "classifier")}
    return Claim(
        "A statistic of the first moments does not see two modes that have N(0, 1)'s: the cubic "
        f"kernel and the logistic classifier reject at most 10 % at n = {LAST}.",
        all(share.value <= 0.1 for share in shares.values()),
        "; ".join(f"{test} {_told(share)}" for test, share in shares.items()) + ".",
    )


def _learnt(seen: Mapping[tuple[str, str], Row]) -> Claim:
    ours, other = (_share(seen, SHAPE, test, LAST) for test in (NEIGHBOURS, "classifier"))
    return Claim(
        "A learnt statistic sees what its classifier can learn: by neighbours it rejects two modes "
        f"at n = {LAST} more often than the logistic one, by more than both intervals.",
        ours.low > other.high,
        f"neighbours {_told(ours)}, logistic {_told(other)}.",
    )


def _sees_everything(seen: Mapping[tuple[str, str], Row]) -> Claim:
    tests = ("mmd", "nearest neighbour", "kolmogorov smirnov")
    shares = {test: _share(seen, SHAPE, test, LAST) for test in tests}
    return Claim(
        f"The tests that see every difference reject two modes in at least 80 % at n = {LAST}: "
        "mmd, nearest neighbour and Kolmogorov–Smirnov.",
        all(share.value >= 0.8 for share in shares.values()),
        "; ".join(f"{test} {_told(share)}" for test, share in shares.items()) + ".",
    )


def _below(
    seen: Mapping[tuple[str, str], Row], name: str, lower: str, higher: str, why: str
) -> Claim:
    pairs = [[_share(seen, name, test, n) for test in (lower, higher)] for n in SIZES]
    shown = ", ".join(
        f"{_told(one)} against {_told(other)} at n = {n}"
        for n, (one, other) in zip(SIZES, pairs, strict=True)
    )
    return Claim(
        f"Of {name}, {lower} has less power than {higher} at every n, as {why}.",
        all(one.value < other.value for one, other in pairs),
        f"{shown}.",
    )


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in plain sentences."""
    seen = {(str(row["difference"]), str(row["test"])): row for row in rows}
    tests = list(dict.fromkeys(str(row["test"]) for row in rows))
    words = []
    for name in (SHIFT, SPREAD, SHAPE):
        order = sorted(tests, key=lambda test: -_share(seen, name, test, 100).value)
        first, last = (_share(seen, name, test, 100).value for test in (order[0], order[-1]))
        words.append(f"{name} {order[0]} ({first:.0%}) and last {order[-1]} ({last:.0%})")
    modes = _share(seen, SHAPE, "classifier", LAST)
    words_of = "not blind" if modes.low > LEVEL else "blind"
    return (
        "At n = 100 the first to notice are, of " + "; of ".join(words) + ". No test is the best "
        "everywhere: a statistic is a decision about which differences matter, and a learnt one, "
        "as a GAN's critic, leaves it to what its network can learn. The logistic classifier is "
        f"{words_of} to two modes whose mean and square are those of N(0, 1): it rejects "
        f"{_told(modes)} at n = {LAST}, where the cubic kernel rejects "
        f"{_told(_share(seen, SHAPE, 'mmd cubic', LAST))}. Seeing every difference is a statement "
        "about samples enough, and says little about these n: of two modes mmd rejects "
        f"{_told(_share(seen, SHAPE, 'mmd', LAST))} at n = {LAST}."
    )


def powers(rows: Sequence[Row]) -> Drawing:
    """Shares of rejections against n, a panel for each difference, the null as the control."""
    panels = []
    for name in DIFFERENCES:
        series = {}
        for row in (row for row in rows if row["difference"] == name):
            shares = [share for n in SIZES if isinstance(share := row[f"n{n}"], Interval)]
            ends = np.array([share.ends for share in shares]).T
            series[str(row["test"])] = Band(*ends)
        panel = curves(
            SIZES,
            series,
            title=f"N(0, 1) against {name}" if name != NULL else name.capitalize(),
            x_label="samples of each side, n",
            y_label="share of rejections",
            levels={"level α": LEVEL},
        )
        panels.append(_whole(panel, name == NULL))
    return Drawing(panels, columns=2)


def _whole(panel: Panel, named: bool) -> Panel:
    """The panel with its whole range of shares, named once, where there is room."""

    def draw(axes: Axes, palette: Palette) -> None:
        panel.draw(axes, palette)
        axes.set_ylim(0, 1.02)
        beyond = len(palette.series)  # more tests than colours: the next one has the ink's
        axes.get_lines()[beyond].set_color(palette.ink)
        axes.collections[beyond].set_facecolor(palette.ink)
        if named:
            legend(axes, palette)
        elif (made := axes.get_legend()) is not None:
            made.remove()

    return replace(panel, draw=draw, is_control=named)


def statistics(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Drawing:
    """The statistics of two tests with and without a difference, and their thresholds."""
    panels = []
    for test, name in (("energy", SHIFT), ("mmd", SPREAD), (NEIGHBOURS, SHAPE)):
        values = [
            np.concatenate([part["statistics"][test] for part in parts[each]])
            for each in (NULL, name)
        ]
        panels.append(_histogram(test, name, *values))
    return Drawing(panels, columns=3)


def _histogram(test: str, name: str, null: Array, other: Array) -> Panel:
    threshold = float(np.quantile(null, 1 - LEVEL))
    both = np.concatenate([null, other])
    edges = np.linspace(both.min(), both.max(), 31).tolist()

    def draw(axes: Axes, palette: Palette) -> None:
        axes.hist(null, edges, color=palette.real, alpha=0.6, label="under H₀")
        axes.hist(other, edges, color=palette.fake, alpha=0.6, label=name)
        axes.axvline(threshold, color=palette.ink, linestyle="--", label="threshold, α = 5 %")
        axes.set_ylim(top=1.45 * axes.get_ylim()[1])
        legend(axes, palette)

    return Panel(test.capitalize(), draw, f"statistic, n = {STATISTIC_AT}", "tries")

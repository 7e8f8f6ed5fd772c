"""How often the 95 % intervals of scores hold the truth, simulated where the truth is known.

    python benchmarks/coverage.py [--minutes 20] [--only PATTERN ...] [--json FILE]
    PYTHONPATH=OTHER/src python benchmarks/coverage.py --section before     # other code's intervals
    python benchmarks/coverage.py --show [--shares] [--json FILE]           # tables of a stored one

Each cell is one kind of data and one group of scores. Fresh data are drawn again and again, and an
interval misses below if it ends below the truth, above if it begins above it. The truth is the
score's expectation at this n: exact for the kernel distance and for the classes seen, the mean of
thousands of other draws for the rest, with its own standard error beside it. The exception is the
Fréchet distance for n → ∞, whose truth is the distance of the distributions themselves.

Work stops when the processor time is spent and goes on from there with the next call. A section
belongs to one state of `saddlepoint/metrics`: it starts afresh when that code has changed. Truths
depend on the data alone and are kept.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import saddlepoint
from saddlepoint.metrics.classified import expected_modes, mode_coverage
from saddlepoint.metrics.estimate import Estimate, difference
from saddlepoint.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_estimate,
    frechet_infinite_estimate,
)
from saddlepoint.metrics.kernel import kernel_estimate
from saddlepoint.metrics.memorisation import compare
from saddlepoint.metrics.neighbours import nearest
from saddlepoint.metrics.precision_recall import prdc, prdc_estimates
from saddlepoint.metrics.sliced import sliced_distance, sliced_estimate
from saddlepoint.scores.copies import copying as copying_score

RESULT = Path(__file__).parent / "results" / "coverage.json"
LINES = 64  # projections of the sliced distance: their number is no matter of samples
FAR = 10.0  # the far mode's distance, in standard deviations of the near one
RARE = 0.03  # its share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A share of a distribution, whose coordinates are independent.

    Attributes:
        weight: The share.
        moments: First three raw moments of each coordinate, (3, d); infinite where there are none.
        draw: n rows from a random generator.
    """

    weight: float
    moments: Array
    draw: Callable[[np.random.Generator, int], Array]


Distribution = tuple[Part, ...]


def normal(d: int, mean: float = 0.0, std: float = 1.0, first: float = 0.0) -> Part:
    """Independent normals; ``first`` is added to the first coordinate's mean."""
    centre = np.full(d, mean) + first * (np.arange(d) == 0)
    moments = np.stack([centre, centre**2 + std**2, centre**3 + 3 * centre * std**2])
    return Part(1.0, moments, lambda random, n: random.normal(centre, std, (n, d)))


def log_normal(d: int, sigma: float) -> Part:
    moments = np.exp(np.array([1, 4, 9])[:, None] * sigma**2 / 2) * np.ones(d)
    return Part(1.0, moments, lambda random, n: random.lognormal(0, sigma, (n, d)))


def student(d: int, scale: float) -> Part:
    moments = np.array([0.0, 3 * scale**2, math.inf])[:, None] * np.ones(d)
    return Part(1.0, moments, lambda random, n: scale * random.standard_t(3, (n, d)))


def with_mode(d: int) -> Distribution:
    """A standard normal, and a rare mode of the same width far from it."""
    near, far = normal(d), normal(d, first=FAR)
    return (Part(1 - RARE, near.moments, near.draw), Part(RARE, far.moments, far.draw))


def sample(parts: Distribution, random: np.random.Generator, n: int) -> Tensor:
    counts = random.multinomial(n, [part.weight for part in parts])
    rows = np.concatenate([p.draw(random, c) for p, c in zip(parts, counts, strict=True)])
    return torch.from_numpy(rows[random.permutation(n)])


@dataclass(frozen=True)
class Data:
    """Two distributions, of n samples each; the control is drawn like the real ones."""

    real: Distribution
    fake: Distribution
    n: int

    def draw(self, *seed: int) -> tuple[Tensor, Tensor, Tensor]:
        random = np.random.default_rng(seed)
        return tuple(sample(p, random, self.n) for p in (self.real, self.fake, self.real))


DATA = {
    "normal, wider": Data((normal(8),), (normal(8, std=1.3),), 150),
    "normal, shifted": Data((normal(8, 0.2),), (normal(8, 0.7),), 150),
    "the same normal": Data((normal(8),), (normal(8),), 150),
    "nearly the same normal": Data((normal(8),), (normal(8, 0.05),), 150),
    "few, shifted": Data((normal(8, 0.2),), (normal(8, 0.7),), 40),
    "far mode missing, n = 100": Data(with_mode(8), (normal(8),), 100),
    "far mode missing, n = 300": Data(with_mode(8), (normal(8),), 300),
    "log-normal, d = 2, n = 100": Data((log_normal(2, 1.0),), (log_normal(2, 0.8),), 100),
    "log-normal, d = 2, n = 300": Data((log_normal(2, 1.0),), (log_normal(2, 0.8),), 300),
    "log-normal, d = 8, n = 100": Data((log_normal(8, 1.0),), (log_normal(8, 0.8),), 100),
    "log-normal, d = 8, n = 300": Data((log_normal(8, 1.0),), (log_normal(8, 0.8),), 300),
    "log-normal, σ = 0.5, d = 2": Data((log_normal(2, 0.5),), (log_normal(2, 0.4),), 100),
    "log-normal, σ = 0.5, d = 8": Data((log_normal(8, 0.5),), (log_normal(8, 0.4),), 100),
    "Student's t, 3 degrees": Data((student(8, 1.0),), (student(8, 1.3),), 150),
}


def _even(classes: int) -> Array:
    return np.full(classes, 1 / classes)


def _one_rare(classes: int, n: int, expected: float) -> Array:
    """All classes alike but the last, of which ``expected`` are expected among n samples."""
    rest = (1 - expected / n) / (classes - 1)
    return np.r_[np.full(classes - 1, rest), expected / n]


def _zipf(classes: int) -> Array:
    weights = 1 / np.arange(1.0, classes + 1)
    return weights / weights.sum()


# A sampler's shares and its number of samples; the reference is even.
CLASSES: dict[str, tuple[Array, int]] = {
    "10 classes, even": (_even(10), 100),
    "10 classes, one is rare (0.3 expected)": (_one_rare(10, 100, 0.3), 100),
    "10 classes, one is rare (1 expected)": (_one_rare(10, 100, 1), 100),
    "10 classes, one is rare (2 expected)": (_one_rare(10, 100, 2), 100),
    "100 classes, one is rare (1 expected)": (_one_rare(100, 10_000, 1), 10_000),
    "100 classes, one is rare (2 expected)": (_one_rare(100, 10_000, 2), 10_000),
    "100 classes, one is rare (5 expected)": (_one_rare(100, 10_000, 5), 10_000),
    "10 classes, 5 are missing": (np.r_[_even(5), np.zeros(5)], 100),
    "100 classes, Zipf": (_zipf(100), 300),
    "1,000 classes, even": (_even(1000), 2500),
    "1,000 classes, Zipf": (_zipf(1000), 2500),
}

# What the generator draws, against a training set and held-out data of N(0, I) in 4 dimensions.
COPYING: dict[str, tuple[Callable[[Tensor, int, torch.Generator], Tensor], int]] = {
    "fresh data": (lambda train, n, g: torch.randn(n, 4, generator=g), 200),
    "fresh data, few": (lambda train, n, g: torch.randn(n, 4, generator=g), 40),
    "a fifth are copies": (
        lambda train, n, g: torch.where(
            torch.rand(n, 1, generator=g) < 0.2,
            train[torch.randint(len(train), (n,), generator=g)],
            torch.randn(n, 4, generator=g),
        ),
        200,
    ),
    "training data, noisy": (
        lambda train, n, g: (
            train[torch.randint(len(train), (n,), generator=g)]
            + 0.4 * torch.randn(n, 4, generator=g)
        ),
        200,
    ),
    "twice as wide": (lambda train, n, g: 2 * torch.randn(n, 4, generator=g), 200),
    "twice as wide, few": (lambda train, n, g: 2 * torch.randn(n, 4, generator=g), 40),
}


Truth = dict[str, tuple[float, float]]  # of each score, with its standard error


@dataclass(frozen=True)
class Cell:
    """A group of scores on one kind of data.

    Attributes:
        name: Its name in the result.
        estimates: The intervals of the simulation with a seed.
        truth: What they should hold.
        simulations: How many.
    """

    name: str
    estimates: Callable[[int], dict[str, Estimate]]
    truth: Callable[[], Truth]
    simulations: int


def cells() -> list[Cell]:
    found = []
    for name, data in DATA.items():
        found.append(
            Cell(
                f"distances, {name}",
                lambda seed, data=data: distances(data, seed),
                lambda data=data: true_distances(data, 10_000),
                500,
            )
        )
        found.append(
            Cell(
                f"neighbours, {name}",
                lambda seed, data=data: prdc_estimates(*data.draw(1, seed)[:2])._asdict(),
                lambda data=data: _mean(lambda seed: prdc(*data.draw(2, seed)[:2])._asdict(), 2000),
                500,
            )
        )
        found.append(
            Cell(
                f"sliced, {name}",
                lambda seed, data=data: {"sliced": sliced_estimate(*data.draw(1, seed)[:2], LINES)},
                lambda data=data: _mean(
                    lambda seed: {"sliced": sliced_distance(*data.draw(2, seed)[:2], LINES)}, 2000
                ),
                500,
            )
        )
    for name, (shares, n) in CLASSES.items():
        found.append(
            Cell(
                f"classes, {name}",
                lambda seed, shares=shares, n=n: classes(shares, n, seed),
                lambda shares=shares, n=n: {"classes": (expected_modes(shares, n), 0.0)},
                500,
            )
        )
    for name, (draw, n) in COPYING.items():
        found.append(
            Cell(
                f"copying, {name}",
                lambda seed, draw=draw, n=n: {"copying": copying(draw, n, seed)[0]},
                lambda draw=draw, n=n: _mean(
                    lambda seed: {"copying": copying(draw, n, 10**6 + seed)[1]}, 4000
                ),
                500,
            )
        )
    return found


def distances(data: Data, seed: int) -> dict[str, Estimate]:
    real, fake, control = data.draw(1, seed)
    found = {
        "frechet": frechet_estimate(real, fake),
        "frechet_infinite": frechet_infinite_estimate(real, fake),
    }
    found["frechet − control"] = difference(found["frechet"], frechet_estimate(real, control))
    if np.isfinite(data.real[0].moments).all():
        found["kernel"] = kernel_estimate(real, fake)
        found["kernel − control"] = difference(found["kernel"], kernel_estimate(real, control))
    return found


def true_distances(data: Data, draws: int) -> Truth:
    def of(seed: int) -> dict[str, float]:
        real, fake, control = map(Moments.of, data.draw(2, seed))
        plain = frechet_distance(real, fake)
        return {"frechet": plain, "frechet − control": plain - frechet_distance(real, control)}

    found = _mean(of, draws)
    limit = [_population(parts) for parts in (data.real, data.fake)]
    found["frechet_infinite"] = frechet_distance(*limit), 0.0
    terms = {  # the kernel's expectations need third moments
        (i, j): sum(
            p.weight * q.weight * _cubic(p.moments, q.moments) for p in first for q in second
        )
        for i, first in enumerate((data.real, data.fake))
        for j, second in enumerate((data.real, data.fake))
    }
    exact = terms[0, 0] + terms[1, 1] - 2 * terms[0, 1]
    if math.isfinite(exact):
        found["kernel"] = found["kernel − control"] = exact, 0.0
    return found


def _population(parts: Distribution) -> Moments:
    """The distribution's own mean and covariance, as those of very many samples."""
    n = 10**9
    mean = sum(p.weight * p.moments[0] for p in parts)
    covariance = sum(
        p.weight
        * (np.diag(p.moments[1] - p.moments[0] ** 2) + np.outer(p.moments[0], p.moments[0]))
        for p in parts
    ) - np.outer(mean, mean)
    return Moments(n, torch.from_numpy(mean), torch.from_numpy(covariance * (n - 1)))


def _cubic(p: Array, q: Array) -> float:
    """E (x·y/d + 1)³ of independent coordinates, from their raw moments (3, d)."""
    with np.errstate(invalid="ignore"):
        one, two, three = p * q
        first = one.sum()
        second = two.sum() + first**2 - (one**2).sum()
        third = three.sum() + 3 * (two.sum() * first - (one * two).sum())
        third += first**3 - 3 * first * (one**2).sum() + 2 * (one**3).sum()
    d = p.shape[1]
    return float(1 + 3 * first / d + 3 * second / d**2 + third / d**3)


def classes(shares: Array, n: int, seed: int) -> dict[str, Estimate]:
    counts = np.random.default_rng((1, seed)).multinomial(n, shares)
    labels = torch.from_numpy(np.repeat(np.arange(len(shares)), counts))
    return {"classes": mode_coverage(labels, len(shares), seed=seed).found}


def copying(
    draw: Callable[[Tensor, int, torch.Generator], Tensor], n: int, seed: int
) -> tuple[Estimate, float]:
    """C_T as the evaluation gives it, and its value, for one training set of 1,000."""
    train = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(1 + seed)
    fake, held_out = draw(train, n, random), torch.randn(n, 4, generator=random)
    memory = compare(nearest(fake, train, 1), nearest(held_out, train, 1))
    view: Any = SimpleNamespace(memory=memory, is_control=False)
    return copying_score(view).estimate, memory.z


def _mean(score: Callable[[int], dict[str, float]], draws: int) -> Truth:
    rows = [score(seed) for seed in range(draws)]
    return {
        key: (
            float(np.mean([row[key] for row in rows])),
            float(np.std([row[key] for row in rows]) / math.sqrt(draws)),
        )
        for key in rows[0]
    }


def simulate(cell: Cell, truth: Truth) -> dict[str, dict[str, float]]:
    """Shares of misses, and widths, of each score of a cell."""
    found = [cell.estimates(seed) for seed in range(cell.simulations)]
    rows = {}
    for key in found[0]:
        low, high, value = (np.array([getattr(f[key], a) for f in found]) for a in LIMITS)
        true, error = truth[key]
        slack = 1e-9 * (1 + abs(true))
        rows[key] = {
            "truth": true,
            "truth_error": error,
            "below": float((high < true - slack).mean()),
            "above": float((low > true + slack).mean()),
            "width": float((high - low).mean()),
            "median_width": float(np.median(high - low)),
            "spread": float(np.quantile(value, 0.975) - np.quantile(value, 0.025)),
            "simulations": cell.simulations,
        }
    return rows


LIMITS = ("low", "high", "value")


def run(stored: dict[str, Any], section: str, only: list[str], minutes: float, file: Path) -> int:
    """Simulate what is missing; returns how many cells still are."""
    here = stored.setdefault(section, {})
    if here.get("code") != _code():
        here.clear()
    here |= {"code": _code(), "commit": _commit()}
    rows, truths = here.setdefault("cells", {}), stored.setdefault("truths", {})
    missing = [c for c in cells() if c.name not in rows and _asked(c.name, only)]
    for done, cell in enumerate(missing):
        if time.process_time() > 60 * minutes:
            return len(missing) - done
        if cell.name not in truths:
            truths[cell.name] = cell.truth()
        rows[cell.name] = simulate(cell, truths[cell.name])
        for key, row in rows[cell.name].items():
            print(
                f"{time.process_time():6.0f} s  {cell.name:50} {key:18} {_covered(row)}", flush=True
            )
        _write(stored, file)
    return 0


def _asked(name: str, only: list[str]) -> bool:
    return not only or any(fnmatch.fnmatch(name, pattern) for pattern in only)


def _code() -> str:
    source = Path(saddlepoint.__file__).parent
    files = [*sorted((source / "metrics").glob("*.py")), source / "scores" / "copies.py"]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:16]


def _commit() -> str:
    where = Path(saddlepoint.__file__).parent
    asked = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _write(stored: dict[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(file.name + ".part")
    aside.write_text(json.dumps(stored, indent=1) + "\n")
    os.replace(aside, file)


def _covered(row: dict[str, float]) -> str:
    share = 1 - row["below"] - row["above"]
    error = math.sqrt(max(share * (1 - share), 0.01) / row["simulations"])
    text = f"{share:.3f} ± {error:.3f} (below {row['below']:.3f}, above {row['above']:.3f})"
    return f"{text} width {row['width']:.4g}, the score's own range {row['spread']:.4g}"


def tables(section: dict[str, Any], shares: bool) -> str:
    """Coverage of every score on every kind of data, as Markdown; ``shares`` alone or with more."""
    grouped: dict[str, dict[str, dict[str, float]]] = {}
    for name, rows in section["cells"].items():
        group, data = name.split(", ", 1)
        table = group if group in ("classes", "copying") else "samples"
        for key, row in rows.items():
            grouped.setdefault(table, {}).setdefault(data, {})[key] = row
    lines = []
    for table in grouped.values():
        keys = list(dict.fromkeys(key for rows in table.values() for key in rows))
        lines += ["| data | " + " | ".join(keys) + " |", "|---|" + ":-:|" * len(keys)]
        for data, rows in table.items():
            lines.append(
                f"| {data} | " + " | ".join(_short(rows.get(k), shares) for k in keys) + " |"
            )
        lines.append("")
    return "\n".join(lines)


def _short(row: dict[str, float] | None, share_alone: bool) -> str:
    """Coverage and its misses below and above in %, and the width over the score's own range."""
    if row is None:
        return "–"
    share = 1 - row["below"] - row["above"]
    if share_alone:
        return f"{100 * share:.0f}" if share >= 0.9 else f"**{100 * share:.0f}**"
    text = f"{100 * share:.0f} ({100 * row['below']:.0f}, {100 * row['above']:.0f})"
    return f"{text} {row['width'] / row['spread']:.2f}" if row["spread"] else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20, help="processor time of this call")
    parser.add_argument("--only", nargs="*", default=[], help="patterns of cells' names")
    parser.add_argument("--section", default="present", help="where in the file results go")
    parser.add_argument("--show", action="store_true", help="only print the tables")
    parser.add_argument("--shares", action="store_true", help="tables of the shares alone")
    parser.add_argument("--json", type=Path, default=RESULT)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    stored = json.loads(asked.json.read_text()) if asked.json.exists() else {}
    left = 0
    if not asked.show:
        left = run(stored, asked.section, asked.only, asked.minutes, asked.json)
    if asked.section not in stored:
        parser.error(f"{asked.json} has no section '{asked.section}': run without --show first.")
    print(tables(stored[asked.section], asked.shares))
    if left:
        print(f"{left} cells are left: the same command goes on with them.")


if __name__ == "__main__":
    main()

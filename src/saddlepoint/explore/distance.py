"""How far two distributions are apart, from what is known of them: densities, histograms, samples.

Toys whose density is known are compared by it; of arrays, files and runs there are samples. What
cannot be said soundly from what is there is refused, with the reason, beside what can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import DataSource
from saddlepoint.divergences import (
    DIVERGENCES,
    Discrete,
    Samples,
    divergence,
)
from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.metrics.estimate import Estimate, blocks, jackknife
from saddlepoint.transport import Certificate, earth_mover

if TYPE_CHECKING:
    from saddlepoint.data.mixture import Mixture

USUAL = ("jensen-shannon", "total-variation", "wasserstein-1", "energy", "mmd")
TRANSPORTED = {"wasserstein-1": "euclidean", "wasserstein-2": "squared"}
LEAST, MOST = 40, 5000  # samples: for intervals, and for exact transport
FEW_BLOCKS = 10  # of the jackknife around a transport, which is solved anew for each


@dataclass(frozen=True)
class Row:
    """One divergence of the two.

    Attributes:
        of: Its key.
        value: Its value; None where it is refused.
        low: Lower end: of a 95 % interval, or of what the quadrature may be off.
        high: Upper end.
        method: How it was found, or why it is not there.
        certificate: Of an exact transport: how far its plan and potentials are from a proof.
        between_halves: Of samples, if they are enough: the same between the two halves of the first
            side, which would be 0 with ever more samples.
    """

    of: str
    value: float | None
    low: float | None
    high: float | None
    method: str
    certificate: Certificate | None = None
    between_halves: float | None = None


@dataclass(frozen=True)
class Distances:
    """What ``distance`` found.

    Attributes:
        first: What the first side is, in words.
        second: The second.
        rows: One for each divergence that was asked for.
    """

    first: str
    second: str
    rows: tuple[Row, ...]

    def row(self, of: str) -> Row:
        """The row of a divergence."""
        return next(row for row in self.rows if row.of == of)

    def __str__(self) -> str:
        lines = [f"{self.first} against {self.second}", ""]
        wide = max(len(row.of) for row in self.rows)
        for row in self.rows:
            if row.value is None:
                lines.append(f"{row.of:{wide}}  none: {row.method}")
                continue
            ends = "" if row.low == row.high else f" [{row.low:.4g}, {row.high:.4g}]"
            lines.append(f"{row.of:{wide}}  {row.value:.6g}{ends}, {row.method}")
            more = []
            if row.certificate is not None:
                proof = "holds" if row.certificate.holds else "does not hold"
                more.append(f"certificate {proof} (gap {row.certificate.gap:.1e})")
            if row.between_halves is not None:
                more.append(f"between halves of the first: {row.between_halves:.4g}")
            if more:
                lines.append(f"{'':{wide}}  {'; '.join(more)}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Everything, for files; infinite values as words."""
        rows = []
        for row in self.rows:
            plain = {k: v for k, v in asdict(row).items() if k != "certificate"}
            for key, value in plain.items():
                if isinstance(value, float) and not np.isfinite(value):
                    plain[key] = str(value)
            if row.certificate is not None:
                plain["certificate"] = {
                    "holds": row.certificate.holds,
                    "gap": row.certificate.gap,
                    "lipschitz": row.certificate.lipschitz,
                }
            rows.append(plain)
        return {"first": self.first, "second": self.second, "rows": rows}


@dataclass(frozen=True)
class _Side:
    name: str
    points: NDArray[np.float64]
    mixture: Mixture | None


def distance(
    first: object,
    second: object,
    of: str | Sequence[str] = USUAL,
    *,
    n: int = 1000,
    bins: int | None = None,
    seed: int = 0,
) -> Distances:
    """Divergences between two toys, arrays, files of arrays or runs of points.

    Args:
        first: A built-in name such as ``ring``, the path of an array or of a run directory, an
            array (n, d), or a description of data; the data, where there are data.
        second: The same.
        of: Keys of ``DIVERGENCES``.
        n: Points of each side, where samples are compared.
        bins: Compare histograms of so many bins along each axis, in one or two dimensions, over
            the stretch of both sides; divergences are then those of the histograms.
        seed: Of samples and of which points are taken.

    Raises:
        BadInput: No such thing, images, different dimensions, or too few points.

    Example:
        >>> from saddlepoint.explore import distance
        >>> found = distance("ring", "grid", ["total-variation", "kl"])
        >>> [f"{row.value:.3f}" for row in found.rows]
        ['1.000', '201.762']
    """
    keys = [of] if isinstance(of, str) else list(of)
    for key in keys:
        if key not in DIVERGENCES:
            raise BadInput(
                f"'{key}' is no divergence (known: {', '.join(DIVERGENCES)})."
                f"{did_you_mean(key, DIVERGENCES)}"
            )
    if not LEAST <= n <= MOST:
        raise BadInput(f"--n {n}: use {LEAST} to {MOST} points a side.")
    a, b = _independent(_opened(first), _opened(second))
    sides = [_side(a, n, seed), _side(b, n, seed + 1)]
    if sides[0].points.shape[1] != sides[1].points.shape[1]:
        raise BadInput(
            f"{sides[0].name} has {sides[0].points.shape[1]} coordinates and {sides[1].name} "
            f"{sides[1].points.shape[1]}: only what lies in one space can be compared."
        )
    pair = None if bins is None else _histograms(sides[0].points, sides[1].points, bins)
    return Distances(
        sides[0].name, sides[1].name, tuple(_row(key, sides[0], sides[1], pair) for key in keys)
    )


def _row(key: str, a: _Side, b: _Side, pair: tuple[Discrete, Discrete] | None) -> Row:
    try:
        if pair is not None and key in TRANSPORTED and a.points.shape[1] > 1:
            return _between_histograms(key, *pair)
        if pair is not None:
            found = divergence(*pair, of=key)
            return Row(key, found.value, found.low, found.high, f"{found.method} of the histograms")
        if a.mixture is not None and b.mixture is not None and key not in TRANSPORTED:
            found = divergence(a.mixture, b.mixture, of=key)
            return Row(key, found.value, found.low, found.high, found.method)
        if key in TRANSPORTED:
            return _transported(key, a.points, b.points)
        return _sampled(key, a.points, b.points)
    except BadInput as reason:
        return Row(key, None, None, None, str(reason))


def _sampled(key: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Row:
    found = divergence(Samples(x), Samples(y), of=key)
    half, halves = len(x) // 2, None
    if half >= LEAST:
        halves = divergence(Samples(x[:half]), Samples(x[half : 2 * half]), of=key).value
    return Row(key, found.value, found.low, found.high, found.method, None, halves)


def _transported(key: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Row:
    """W₁ or W₂ of the samples themselves, exactly, with a proof; the interval is a jackknife's."""
    cost = TRANSPORTED[key]
    whole = earth_mover(x, y, cost=cost)
    parts = zip(blocks(len(x), FEW_BLOCKS), blocks(len(y), FEW_BLOCKS), strict=True)
    without = [
        earth_mover(np.delete(x, one, axis=0), np.delete(y, other, axis=0), cost=cost).distance
        for one, other in parts
    ]
    estimate: Estimate = jackknife(whole.distance, without, len(x), len(y))
    half = len(x) // 2
    halves = earth_mover(x[:half], x[half : 2 * half], cost=cost).distance
    method = f"{whole.solver} on {len(x):,} and {len(y):,} samples, {estimate.method}"
    return Row(
        key,
        estimate.value,
        max(0.0, estimate.low),
        estimate.high,
        method,
        whole.certificate,
        halves,
    )


def _between_histograms(key: str, p: Discrete, q: Discrete) -> Row:
    """W₁ or W₂ of two histograms in the plane, exactly, with a proof."""
    places = [side.positions for side in (p, q)]
    found = earth_mover(
        *(np.asarray(each) for each in places),
        a=p.probabilities.numpy(),
        b=q.probabilities.numpy(),
        cost=TRANSPORTED[key],
    )
    value = found.distance
    return Row(key, value, value, value, f"{found.solver} of the histograms", found.certificate)


def _histograms(
    x: NDArray[np.float64], y: NDArray[np.float64], bins: int
) -> tuple[Discrete, Discrete]:
    """Shares of both sides in common bins, at the bins' middles."""
    dimensions = x.shape[1]
    if dimensions > 2 or not 2 <= bins <= 200:
        raise BadInput(
            f"--bins {bins}: histograms have 2 to 200 bins along each axis, in one or two "
            f"dimensions, and these points have {dimensions}."
        )
    both = np.concatenate([x, y])
    edges = [
        np.linspace(low, high, bins + 1) for low, high in zip(both.min(0), both.max(0), strict=True)
    ]
    shares = [np.histogramdd(side, edges)[0].ravel() / len(side) for side in (x, y)]
    middles = np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij")
    places = np.stack([m.ravel() for m in middles], axis=1)
    filled = (shares[0] + shares[1]) > 0
    first, second = (Discrete(share[filled], places[filled]) for share in shares)
    return first, second


def _opened(given: object) -> Path | DataSource:
    """A run's directory, or a description of data."""
    from saddlepoint.training.run_directory import is_run

    if isinstance(given, str | Path) and is_run(where := Path(given).expanduser()):
        return where
    return describe_data(given)


def _independent(
    first: Path | DataSource, second: Path | DataSource
) -> tuple[Path | DataSource, Path | DataSource]:
    """Both sides; of two toys of one seed, whose points go together, the second has another."""
    seeds = [getattr(each, "seed", None) for each in (first, second)]
    if isinstance(second, DataSource) and seeds[0] is not None and seeds[0] == seeds[1]:
        return first, second.replace(seed=seeds[1] + 1)
    return first, second


def _side(given: Path | DataSource, n: int, seed: int) -> _Side:
    if isinstance(given, Path):
        return _of_run(given, n, seed)
    dataset = given.open()
    info = dataset.info
    if info.images:
        raise BadInput(
            f"{info.name} holds images: distances are between points, and `saddlepoint evaluate "
            "--real A --fake B` compares images in feature spaces."
        )
    count = info.counts["train"]
    if count < LEAST:
        raise BadInput(f"{info.name} has {count} points for training: at least {LEAST} are needed.")
    import torch

    points = dataset.take("train", count, torch.device("cpu")).x.double().numpy()
    chosen = np.random.default_rng(seed).permutation(count)[: min(n, count)]
    mixture = given.mixture()
    what = "its density" if mixture is not None else f"{len(chosen):,} points"
    return _Side(f"{info.name} ({what})", points[chosen].reshape(len(chosen), -1), mixture)


def _of_run(where: Path, n: int, seed: int) -> _Side:
    from saddlepoint.training.trained import load

    model = load(where)
    if model.data.images:
        raise BadInput(
            f"{where} makes images: distances are between points, and `saddlepoint evaluate "
            f"{where}` compares images in feature spaces."
        )
    points = model.sample(n, seed=seed).double().numpy().reshape(n, -1)
    return _Side(f"{where} ({n:,} samples)", points, None)

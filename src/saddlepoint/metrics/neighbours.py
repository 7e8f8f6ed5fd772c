"""Nearest neighbours among many feature vectors, by tiles: exact, and in bounded memory.

Squared distances as ‖x‖² + ‖y‖² − 2 x·y lose their digits where points are close together or far
from the origin, which is just where neighbours are sought. Here a tile of such numbers only says
where a squared distance lies, with a bound on its rounding error; what the bounds leave open is
computed from the differences x − y in float64, so that duplicates have distance exactly 0 and a
pair has the same distance, to the last bit, wherever it comes up.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from saddlepoint.errors import BadInput

TILE = 2048  # rows and columns of a tile
SPARE = 4  # candidates kept beyond the neighbours that are asked for
NARROW = 64  # features of up to so many numbers are compared in float64 from the start,
WIDE = 1_000_000  # and those of more than so many
_CHUNK = 1 << 15  # numbers handled at once where differences are formed: they stay in the cache


class Neighbours(NamedTuple):
    """The nearest of a reference set, for each query.

    Attributes:
        distances: (n, k) in float64, ascending.
        indices: (n, k), rows of the reference; equally distant ones come in any order.
    """

    distances: Tensor
    indices: Tensor


def nearest(query: Tensor, reference: Tensor, k: int, exclude_self: bool = False) -> Neighbours:
    """The k rows of ``reference`` nearest to each row of ``query`` in Euclidean distance.

    Tiles of products give every pair a lower bound t ≤ ‖x − y‖². The k + ``SPARE`` smallest
    bounds of a row are kept and their distances computed from differences. If the k-th distance
    is not above the largest bound kept, no other row can be nearer; the few rows where this fails
    are looked up again in float64. Only pairs whose order float64 cannot tell are left to chance.

    Args:
        query: (n, d), finite.
        reference: (m, d), finite.
        k: Neighbours of each row.
        exclude_self: The i-th query is the i-th row of ``reference`` and not its own neighbour;
            its duplicates are. Pass the same tensor twice and half of the work is saved.

    Raises:
        BadInput: A value that is not finite.
        ValueError: Shapes that do not fit, or fewer than k others.
    """
    x = as_features(query)
    y = x if query is reference else as_features(reference)
    if exclude_self and len(x) != len(y):
        raise ValueError(f"{len(x)} queries cannot be the same as {len(y)} references.")
    if not 1 <= k <= len(y) - exclude_self:
        raise ValueError(f"there are no {k} neighbours among {len(y) - exclude_self} others.")
    itself = torch.arange(len(x), device=x.device) if exclude_self else None
    space = Space.of(x, y)
    distances, indices, settled = _search(space, k, itself)
    if space.dtype == torch.float32 and not settled.all():
        for rows in torch.nonzero(~settled).flatten().split(TILE):
            finer = Space.of(x[rows], y, torch.float64)
            again = _search(finer, k, None if itself is None else itself[rows])
            distances[rows], indices[rows] = again[0], again[1]
    return Neighbours(distances, indices)


def as_features(x: Tensor) -> Tensor:
    """``x`` without gradient, in float32 or finer.

    Raises:
        BadInput: A value that is not finite.
        ValueError: Not of the shape (n, d), or empty.
    """
    if x.dim() != 2 or not x.numel():
        raise ValueError(f"features have the shape (n, d), and here is {tuple(x.shape)}.")
    x = x.detach()
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    # A sum is finite unless a term is not, or it overflows; then look closely.
    if not torch.isfinite(x.sum()) and not torch.isfinite(x).all():
        raise BadInput(
            "there are values in the features that are not finite (NaN or infinite): look at the "
            "samples and at the network that made them."
        )
    return x


@dataclass(frozen=True)
class Space:
    """Two sets of rows and bounds on the squared distances between them.

    Rows are moved by a median of ``y``, which no outlier spoils, and divided by a power of two,
    which keeps squares from overflowing; squared distances of this class are in these units. With
    x̃ and ỹ such rows as rounded, u the unit roundoff, κ = u (1.1 d + 32) and ω a few times the
    smallest normal number:

        t = (1 − κ)(‖x̃‖² + ‖ỹ‖²) − 2 x̃·ỹ − ω ≤ ‖x − y‖² ≤ t + 2κ(‖x̃‖² + ‖ỹ‖²) + 2ω.

    The product errs by at most 1.1 d u ‖x̃‖‖ỹ‖, d ≤ 0.09 / u, in any order of summation (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), and 2ab ≤ a² + b². Rounding
    x̃ and ỹ changes the squared distance by at most 3u(‖x̃‖ + ‖ỹ‖)² ≤ 6u(‖x̃‖² + ‖ỹ‖²); the rest
    of the 32 is for adding up.
    """

    x: Tensor
    y: Tensor
    dtype: torch.dtype
    centre: Tensor
    scale: float
    x_norms: Tensor
    y_norms: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, dtype: torch.dtype | None = None) -> Space:
        """Tiles in float32 where their products are, else in float64."""
        if dtype is None:
            fit = NARROW < x.shape[1] <= WIDE and _exact_products(x.device)
            dtype = torch.float32 if fit else torch.float64
        if x.shape[1] != y.shape[1]:
            raise ValueError(f"features of {x.shape[1]} and {y.shape[1]} numbers do not compare.")
        common = torch.promote_types(x.dtype, y.dtype)
        ends = [float(end) for side in (x, y) for end in side.aminmax()]
        scale = max(map(abs, ends))
        scale = max(math.ldexp(0.5, math.frexp(scale)[1]), torch.finfo(common).tiny)
        some = y[:: math.ceil(len(y) / TILE)]
        centre = (some.to(common) / scale).median(0).values
        bare = cls(x, y, dtype, centre, scale, centre, centre)
        y_norms = bare._norms(y)
        x_norms = y_norms if x is y else bare._norms(x)
        return cls(x, y, dtype, centre, scale, x_norms, y_norms)

    @classmethod
    def suited(cls, x: Tensor, y: Tensor, *radii: Tensor) -> Space:
        """A space whose bounds are fine enough to tell most distances from the radii."""
        space = cls.of(x, y)
        typical = (space.x_norms.median() + space.y_norms.median()) * 2 * space.relative
        coarse = typical + 2 * space.absolute
        share = max(
            float(((r / space.scale).square() < 10 * coarse).double().mean()) for r in radii
        )
        return cls.of(x, y, torch.float64) if share > 0.01 else space

    @property
    def relative(self) -> float:
        """κ."""
        return torch.finfo(self.dtype).eps / 2 * (1.1 * self.x.shape[1] + 32)

    @property
    def absolute(self) -> float:
        """ω."""
        return torch.finfo(self.dtype).tiny * 4 * (self.x.shape[1] + 4)

    def tiles(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """Rows of x, rows of y and the lower bounds t; each tile is overwritten by the next.

        If x is y, only the tiles on and above the diagonal.
        """
        area = min(TILE, len(self.x)) * min(TILE, len(self.y))
        memory = torch.empty(area, dtype=self.dtype, device=self.x.device)
        for rows in spans(len(self.x)):
            x, x_low = self._placed(self.x[rows]), self._low(self.x_norms[rows])
            for columns in spans(len(self.y), rows.start if self.x is self.y else 0):
                y, y_low = self._placed(self.y[columns]), self._low(self.y_norms[columns])
                tile = memory[: len(x) * len(y)].view(len(x), len(y))
                with torch.autocast(x.device.type, enabled=False):
                    torch.addmm(y_low, x, y.T, alpha=-2, out=tile)
                yield rows, columns, tile.add_(x_low[:, None])

    def slack(self, x_norms: Tensor, y_norms: Tensor) -> Tensor:
        """2κ(‖x̃‖² + ‖ỹ‖²) + 2ω, by how much a squared distance may exceed its lower bound."""
        return 2 * self.relative * (x_norms + y_norms) + 2 * self.absolute

    def surely_below(self, radii: Tensor, rows: slice, columns: slice, axis: int = 0) -> Tensor:
        """Limits for a tile: a bound below its limit means a distance below its radius.

        The radii belong to the rows of the tile (axis 0) or to its columns (axis 1).
        """
        x, y = self.x_norms[rows], self.y_norms[columns]
        slack = self.slack(x, y.max()) if axis == 0 else self.slack(x.max(), y)
        return self._limits(radii, -1, slack, axis)

    def perhaps_below(self, radii: Tensor, axis: int = 0) -> Tensor:
        """Limits for a tile: a bound above its limit means a distance not below its radius."""
        return self._limits(radii, 1, torch.zeros_like(radii), axis)

    def below(self, i: Tensor, j: Tensor, low: Tensor, radii: Tensor) -> Tensor:
        """Whether ‖xᵢ − yⱼ‖ is below each of some radii, for a list of pairs: (pairs, radii).

        Args:
            i: (pairs,) rows of x.
            j: (pairs,) rows of y.
            low: (pairs,) their lower bounds.
            radii: (pairs, radii) or (radii,); below a negative one is nothing.
        """
        squares = (radii / self.scale) * (radii / self.scale).abs()
        low = low.double()[:, None]
        high = low + self.slack(self.x_norms[i], self.y_norms[j])[:, None]
        margin = 4 * torch.finfo(torch.float64).eps
        answer = high < squares * (1 - margin)
        unsure = ((low <= squares * (1 + margin)) != answer).any(1)
        i, j = i[unsure], j[unsure]
        if len(i):
            mine = radii if radii.dim() == 1 else radii[unsure]
            answer[unsure] = self.distances(i, j)[:, None] < mine
        return answer

    def squares(self, i: Tensor, j: Tensor) -> Tensor:
        """‖xᵢ − yⱼ‖² from differences, in float64, for pairs (i, j) of any one shape."""
        squares = torch.empty(i.numel(), dtype=torch.float64, device=self.x.device)
        wide = self.centre.dtype == torch.float64  # whose squares may overflow
        # A single row may be summed in another order than several: there are always two or more.
        step = max(2, _CHUNK // self.x.shape[1])
        for start in range(0, len(squares), step):
            part = slice(start, start + step)
            a, b = i.reshape(-1)[part], j.reshape(-1)[part]
            a, b = (a.repeat(2), b.repeat(2)) if len(a) == 1 else (a, b)
            gap = self.x.index_select(0, a).double().sub_(self.y.index_select(0, b))
            gap = gap.div_(self.scale) if wide else gap
            squares[part] = gap.square_().sum(1)[: len(squares[part])]
        return (squares if wide else squares.div_(self.scale**2)).reshape(i.shape)

    def distances(self, i: Tensor, j: Tensor) -> Tensor:
        """‖xᵢ − yⱼ‖ in the units of the features; the same to the last bit in every space."""
        return self.squares(i, j).sqrt_() * self.scale

    def _placed(self, rows: Tensor) -> Tensor:
        fine = torch.promote_types(self.centre.dtype, self.dtype)
        return (rows.to(fine) / self.scale).sub_(self.centre.to(fine)).to(self.dtype)

    def _norms(self, rows: Tensor) -> Tensor:
        parts = [
            self._placed(p).double().square_().sum(1) for p in rows.split(_rows_of_chunk(rows))
        ]
        return torch.cat(parts)

    def _low(self, norms: Tensor) -> Tensor:
        return ((1 - self.relative) * norms - self.absolute / 2).to(self.dtype)

    def _limits(self, radii: Tensor, sign: int, slack: Tensor, axis: int) -> Tensor:
        """Squared radii less the slack, moved outwards by more than a rounding."""
        squares = (radii / self.scale).square()
        margin = sign * 4 * torch.finfo(self.dtype).eps
        limits = (squares * (1 + margin) - slack * (1 - margin)).to(self.dtype)
        return limits[:, None] if axis == 0 else limits[None]


def spans(n: int, first: int = 0) -> Iterator[slice]:
    """Consecutive slices of ``TILE`` rows from ``first`` to n."""
    return (slice(start, min(start + TILE, n)) for start in range(first, n, TILE))


def pairs_of(
    mask: Tensor, tile: Tensor, rows: slice, columns: slice, step: int = 1 << 16
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The pairs marked in a tile: their rows of x, their rows of y and their bounds, in parts."""
    for flat in torch.nonzero(mask.reshape(-1)).flatten().split(step):
        i, j = flat // tile.shape[1], flat % tile.shape[1]
        yield i + rows.start, j + columns.start, tile[i, j]


def _search(space: Space, k: int, itself: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Distances and indices (n, k), and which rows are certain."""
    others = len(space.y) - (itself is not None)
    bounds, indices = candidates(space, min(k + SPARE, others), itself)
    i = torch.arange(len(space.x), device=indices.device)[:, None].expand_as(indices)
    squares, order = space.squares(i, indices).sort(dim=1, stable=True)
    squares = squares[:, :k]
    # Nothing is nearer than 0, however many duplicates there are.
    settled = (squares[:, -1] <= bounds[:, -1].double()) | (squares[:, -1] == 0)
    if indices.shape[1] == others:
        settled = torch.ones_like(settled)
    return squares.sqrt() * space.scale, indices.gather(1, order[:, :k]), settled


def candidates(space: Space, count: int, itself: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest lower bounds of each row of x, ascending, and whose they are.

    Args:
        space: The two sets.
        count: At most as many as y has rows, less one with ``itself``.
        itself: (n,) the row of y that is the query itself and does not count.
    """
    shape, device = (len(space.x), count), space.x.device
    bounds = torch.full(shape, math.inf, dtype=space.dtype, device=device)
    indices = torch.full(shape, -1, device=device)

    def offer(rows: slice, tile: Tensor, first: int) -> None:
        values, where = _smallest(tile, min(count, tile.shape[1]))
        values = torch.cat([bounds[rows], values], 1)
        where = torch.cat([indices[rows], where + first], 1)
        bounds[rows], chosen = values.topk(count, largest=False)
        indices[rows] = where.gather(1, chosen)

    for rows, columns, tile in space.tiles():
        if itself is not None:
            at = itself[rows] - columns.start
            here = torch.nonzero((at >= 0) & (at < tile.shape[1])).flatten()
            tile[here, at[here]] = math.inf
        offer(rows, tile, columns.start)
        if space.x is space.y and rows != columns:
            offer(columns, tile.T, rows.start)
    return bounds, indices


def _smallest(tile: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest of each row and their columns.

    They lie in the ``count`` groups of columns with the smallest minima, and minima are cheap.
    """
    columns = tile.shape[1]
    group = math.isqrt(columns // count)
    groups = columns // group
    if group < 2 or groups < count:
        values, where = tile.topk(count, largest=False)
        return values, where
    parts = tile[:, : groups * group].unflatten(1, (group, groups)).unbind(1)
    heads = functools.reduce(torch.minimum, parts)  # torch.amin is slow on transposed tiles
    chosen = heads.topk(count, largest=False).indices
    members = torch.arange(group, device=tile.device) * groups
    inside = (chosen[:, :, None] + members).flatten(1)
    rest = torch.arange(groups * group, columns, device=tile.device).expand(len(tile), -1)
    where = torch.cat([inside, rest], 1)
    values, best = tile.gather(1, where).topk(count, largest=False)
    return values, where.gather(1, best)


def _rows_of_chunk(x: Tensor) -> int:
    return max(1, 2 * _CHUNK // x.shape[1])


def _exact_products(device: torch.device) -> bool:
    """Whether products of float32 matrices keep their digits.

    They do not where TF32 or bfloat16 stand in for float32, which several settings can ask for:
    1 + 2⁻¹² is 1 to both.
    """
    x = torch.full((64, 64), 1 + 2.0**-12, device=device)
    with torch.autocast(device.type, enabled=False):
        return float(torch.mm(x, x).min()) > 64 * (1 + 2.0**-12)

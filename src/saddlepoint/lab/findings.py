"""What an experiment hands back: a table's rows, its controls, pictures and claims (torch-free)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from saddlepoint.drawing import Drawing


@dataclass(frozen=True)
class PerSeed:
    """One number a seed.

    Attributes:
        values: In the order of the seeds; None for one that is not finite.
    """

    values: tuple[float | None, ...]

    @classmethod
    def of(cls, numbers: Iterable[float | None]) -> PerSeed:
        """From numbers that may be infinite or NaN."""
        return cls(tuple(n if n is not None and math.isfinite(n) else None for n in numbers))

    @property
    def finite(self) -> list[float]:
        """The numbers of the seeds that have one."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Their mean; None if there is none."""
        return statistics.fmean(self.finite) if self.finite else None

    @property
    def deviation(self) -> float | None:
        """Their standard deviation (of a sample, n − 1); 0 of a single one, None of none."""
        if len(self.finite) > 1:
            return statistics.stdev(self.finite)
        return 0.0 if self.finite else None


@dataclass(frozen=True)
class Interval:
    """One number with the interval around it.

    Attributes:
        value: The number.
        low: Lower end of its interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, float, float]:
        """The number and the two ends."""
        return self.value, self.low, self.high


Value = str | int | float | PerSeed | Interval | None
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Its name in rows, in CSV and in ``result.json``.
        heading: Its name for readers.
        holds: What its values are: ``text``, ``count`` (int), ``number`` (float), ``seeds``
            (``PerSeed``, shown as mean ± standard deviation) or ``interval`` (``Interval``, shown
            as value [low, high]). All but text may be None.
        form: How a number is written, as for ``format``.
        scale: What it is multiplied with before it is written, for readers alone.
        latex: The heading in LaTeX, where that is another.
    """

    key: str
    heading: str
    holds: Literal["text", "count", "number", "seeds", "interval"] = "text"
    form: str = ""
    scale: float = 1
    latex: str = ""

    def shown(self, value: Value) -> str:
        """A value for readers."""
        if isinstance(value, PerSeed):
            mean, deviation = value.mean, value.deviation
            if mean is None or deviation is None:
                return "none"
            shown = f"{self.scale * mean:{self.form}} ± {self.scale * deviation:{self.form}}"
            missing = len(value.values) - len(value.finite)
            return f"{shown} ({missing} of {len(value.values)} none)" if missing else shown
        if isinstance(value, Interval):
            number, low, high = (f"{self.scale * each:{self.form}}" for each in value.ends)
            return f"{number} [{low}, {high}]"
        if value is None:
            return "none"
        return value if isinstance(value, str) else f"{self.scale * value:{self.form}}"

    def fits(self, value: Value) -> bool:
        """Whether a value is of the kind that the column holds, and finite."""
        numbers = value.ends if isinstance(value, Interval) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in numbers):
            return False
        kinds = {
            "text": str,
            "count": int,
            "number": float,
            "seeds": PerSeed,
            "interval": Interval,
        }
        return type(value) is kinds[self.holds] or (value is None and self.holds != "text")


@dataclass(frozen=True)
class Claim:
    """A sentence that the measurement can refute.

    Attributes:
        statement: What is claimed, with the number that it stands or falls with.
        holds: Whether the measurement agrees.
        evidence: What was measured, with its spread over seeds.
    """

    statement: str
    holds: bool
    evidence: str


@dataclass(frozen=True)
class Findings:
    """What an experiment came to.

    Attributes:
        columns: Of the table.
        rows: What was measured: a value for every column.
        controls: Rows of the same columns for what is known beforehand, such as a perfect sampler.
        claims: What the rows bear out or refute.
        pictures: By name, without an ending; those that the experiment declares. A ``Drawing``
            is also written dark or as SVG where that is asked for.
        reading: What the rows show, in a few plain sentences; put together from what was
            measured, so that it says so where the lecture's words are not borne out.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    controls: Sequence[Row] = ()
    claims: Sequence[Claim] = ()
    pictures: Mapping[str, Image.Image | Drawing] = field(default_factory=dict)
    reading: str = ""

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.controls):
            if row.keys() != {column.key for column in self.columns}:
                raise ValueError(f"the columns have no place for, or lack, some of {list(row)}")
            for column in self.columns:
                if not column.fits(row[column.key]):
                    raise ValueError(f"{row[column.key]!r} is no {column.holds} ({column.key})")

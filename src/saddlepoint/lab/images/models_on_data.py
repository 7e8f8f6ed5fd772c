"""Cells that are a model on some data with a seed: titles, rows, pictures (torch-free)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Score, Trained
from saddlepoint.lab.findings import Column, Interval, Row
from saddlepoint.lab.images.evaluated import interval
from saddlepoint.lab.row_values import least, most

if TYPE_CHECKING:
    from PIL import Image

    from saddlepoint.lab.side_by_side import Cell
    from saddlepoint.run.description import Run


def title(data: str, model: str, seed: int) -> str:
    """Of a cell: its data by their name alone, its model and its seed."""
    return f"{Path(data).stem}: {model}, seed {seed}"


def parts(title: str) -> tuple[str, str, int]:
    """What a title is made of."""
    before, seed = title.rsplit(", seed ", 1)
    data, model = before.rsplit(": ", 1)
    return data, model, int(seed)


def file_name(data: str, model: str, seed: int) -> str:
    """Of a cell's folder."""
    return f"{Path(data).stem}-{model}-{seed}".replace(" ", "-")


def columns(own: Iterable[Column], scores: Mapping[str, str]) -> tuple[Column, ...]:
    """What every such table has, with an experiment's own columns and its scores by heading."""
    return (
        Column("data", "data"),
        Column("model", "model"),
        Column("seed", "seed", "count"),
        *own,
        Column("steps", "steps", "count", ","),
        Column("images", "images seen", "count", ","),
        *(Column(name, heading, "interval", ".3f") for name, heading in scores.items()),
        Column("core_seconds", "core seconds", "number", ".0f"),
    )


def train(
    bench: Bench,
    names: Iterable[str],
    described: Callable[[str], Mapping[str, Run]],
    score: Callable[[Cell], Score],
) -> list[Trained]:
    """Every model on every data with every seed of the bench.

    Args:
        bench: Where.
        names: The data.
        described: The runs of one kind of data, by model.
        score: The figures of a trained cell, and samples.
    """
    cells = [
        bench.cell(file_name(data, model, seed), title(data, model, seed), run, seed)
        for data in names
        for model, run in described(data).items()
        for seed in bench.seeds
    ]
    return bench.train(cells, score)


def row(cell: Trained, scores: Iterable[str], counts: Iterable[str] = ()) -> Row:
    """The row of a trained cell, its images seen, ``counts`` and scores taken from its figures."""
    data, model, seed = parts(cell.title)
    (figures,) = cell.seeds
    whole = {name: figures[name] for name in (*counts, "images")}
    return {
        "data": data,
        "model": model,
        "seed": seed,
        "steps": cell.steps,
        **{name: None if value is None else int(value) for name, value in whole.items()},
        **{name: interval(figures, name) for name in scores},
        "core_seconds": cell.core_seconds,
    }


def controls(
    cells: Sequence[Trained], columns: Iterable[Column], scores: Iterable[str]
) -> list[Row]:
    """Real images in the place of samples, of each data."""
    firsts = {parts(cell.title)[0]: cell for cell in reversed(cells)}
    return [
        {
            **dict.fromkeys(column.key for column in columns),
            "data": data,
            "model": "validation images",
            **{name: interval(firsts[data].seeds[0], f"{name} control") for name in scores},
        }
        for data in dict.fromkeys(parts(cell.title)[0] for cell in cells)
    ]


def samples(bench: Bench, cells: Sequence[Trained]) -> Image.Image:
    """The pictures of all cells, a column a seed."""
    drawn = [bench.picture(file_name(*parts(each.title))) for each in cells]
    return drawing.mosaic(drawn, bench.budget.seeds)


def highest(rows: Iterable[Row], key: str) -> float:
    """The highest upper end of the rows' intervals; NaN if one has none."""
    return most(high for _, _, high in _ends(rows, key))


def lowest(rows: Iterable[Row], key: str) -> float:
    """The lowest lower end."""
    return least(low for _, low, _ in _ends(rows, key))


def _ends(rows: Iterable[Row], key: str) -> list[tuple[float, float, float]]:
    """Value, lower and upper end in each row; NaN where there is none."""
    nothing = (float("nan"),) * 3
    values = [row[key] for row in rows]
    return [each.ends if isinstance(each, Interval) else nothing for each in values]

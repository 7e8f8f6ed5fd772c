"""Models on several data: titles, rows, controls, and ends of intervals."""

from __future__ import annotations

import math

import pytest

from saddlepoint.data.describing import describe_data
from saddlepoint.lab import Interval
from saddlepoint.lab.bench import Trained
from saddlepoint.lab.images.evaluated import spaces
from saddlepoint.lab.images.models_on_data import (
    columns,
    controls,
    file_name,
    highest,
    lowest,
    parts,
    row,
    title,
)

SCORES = {"kernel": "kernel distance", "recall": "recall"}


def trained(model: str, seed: int = 0, value: float | None = 1.0, data: str = "faces") -> Trained:
    """A cell whose scores have this value ± 0.1."""
    figures: dict[str, float | None] = {"critic": 100.0, "images": 640.0}
    for name in SCORES:
        for key, each in ((name, value), (f"{name} control", 0.2)):
            for end, distance in (("", 0.0), (" low", -0.1), (" high", 0.1)):
                figures[key + end] = None if each is None else each + distance
    return Trained(title(data, model, seed), 10, 60.0, "cpu", "a processor", [figures])


@pytest.mark.parametrize(
    ("data", "name"), [("folder/my pictures.npz", "my pictures"), ("/a/b: c/faces.npz", "faces")]
)
def test_titles_and_files_name_data_model_and_seed(data: str, name: str) -> None:
    made = title(data, "one without another", 3)
    assert parts(made) == (name, "one without another", 3)
    assert file_name(*parts(made)) == file_name(data, "one without another", 3)
    assert " " not in file_name(*parts(made))


def test_rows_have_intervals_and_each_data_its_control() -> None:
    cells = [trained("b", 1, 3.0), trained("a", 0, 2.0), trained("b", 0, 2.0, "letters")]
    made = row(cells[0], SCORES, ["critic"])
    assert made == {
        "data": "faces",
        "model": "b",
        "seed": 1,
        "critic": 100,
        "steps": 10,
        "images": 640,
        "kernel": Interval(3.0, 2.9, 3.1),
        "recall": Interval(3.0, 2.9, 3.1),
        "core_seconds": 60.0,
    }
    assert row(trained("b", value=None), SCORES)["kernel"] is None
    plain = columns((), SCORES)
    assert {each.key for each in plain} == row(cells[0], SCORES).keys()
    below = controls(cells, plain, SCORES)
    assert [each["data"] for each in below] == ["faces", "letters"]
    assert all(each["model"] == "validation images" for each in below)
    assert below[0]["kernel"] == Interval(0.2, 0.1, pytest.approx(0.3))  # type: ignore[arg-type]
    assert all(each.keys() == {column.key for column in plain} for each in below)


def test_a_table_says_in_which_space_its_scores_are_taken() -> None:
    sources = {"digits": describe_data("digits"), "points": describe_data("ring")}
    assert spaces(sources, "pixels") == "Feature spaces: digits: pixels; points: vectors."


def test_ends_of_intervals_are_those_of_the_outermost_rows() -> None:
    rows = [row(trained("a", seed, value), SCORES) for seed, value in enumerate((3.0, 1.0, 2.0))]
    assert (highest(rows, "kernel"), lowest(rows, "kernel")) == (3.1, 0.9)
    rows.append(row(trained("a", 3, None), SCORES))
    assert math.isnan(highest(rows, "kernel"))
    assert math.isnan(lowest(rows, "kernel"))
    assert math.isnan(lowest([], "kernel"))

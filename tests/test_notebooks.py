"""The notebooks: one a chapter of the lab, and every cell of them runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from saddlepoint.lab import EXPERIMENTS

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))


def test_each_chapter_has_its_notebook() -> None:
    of_the_house = [
        one for one in EXPERIMENTS.values() if one.function.__module__.startswith("saddlepoint.")
    ]
    chapters = {one.chapter.lower().replace(" ", "-") for one in of_the_house}
    assert chapters <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_has_run(path: Path) -> None:
    """Its outputs are there, none is an error, and it is small."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [each for cell in cells for each in cell.get("outputs", ())]
    assert outputs
    assert all(each["output_type"] != "error" for each in outputs)
    assert path.stat().st_size < 600_000
    words = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for link in re.findall(r"\]\(([^)]+)\)", words):
        assert (path.parent / link.split("#")[0]).is_file(), link


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    assert list(tmp_path.iterdir()) == []

"""The committed results of full runs bear out their claims, and would refute them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from saddlepoint.lab import EXPERIMENTS, PerSeed, gallery, tables
from saddlepoint.lab.cures.mode_collapse import COLUMNS, claims, control

RESULTS = Path(__file__).parents[2] / "docs" / "results"
WAITING: frozenset[str] = frozenset()  # the gallery says that they are not measured yet


@pytest.mark.parametrize("folder", sorted(RESULTS.iterdir()), ids=lambda path: path.name)
def test_every_committed_result_has_the_claims_that_its_rows_bear_out(folder: Path) -> None:
    """The claims of a full run, held or refuted as they are recorded, computed again."""
    findings, about = tables.read_result((folder / tables.RESULT).read_text(encoding="utf-8"))
    experiment = EXPERIMENTS[folder.name]
    assert about["experiment"] == folder.name
    assert not about["settings"]["fast"]
    assert about["settings"]["minutes"] == experiment.full.minutes
    assert about["settings"].get("steps") == experiment.full.steps
    assert len(about["seeds"]) == experiment.full.seeds
    assert findings.rows
    assert findings.claims
    claims_of = sys.modules[experiment.function.__module__].claims
    assert claims_of(findings.rows) == list(findings.claims)
    for claim in findings.claims:
        assert claim.evidence
    assert (folder / "page.md").read_text(encoding="utf-8") == gallery.rewritten(folder)


def test_the_gallery_is_that_of_the_committed_results() -> None:
    page = (RESULTS.parent / "lab.md").read_text(encoding="utf-8")
    assert f"\n{gallery.entries(RESULTS)}\n" in page, "make docs"
    for experiment in EXPERIMENTS.values():
        if experiment.function.__module__.startswith("saddlepoint."):
            there = (RESULTS / experiment.name / "result.json").is_file()
            assert there == (experiment.name not in WAITING), experiment.name
            assert experiment.full.seconds, "all say what they take"
            assert experiment.fast.seconds, "all say what they take"


def test_the_result_of_mode_collapse_bears_out_its_claims() -> None:
    text = (RESULTS / "mode-collapse/result.json").read_text(encoding="utf-8")
    findings, about = tables.read_result(text)
    assert (about["experiment"], about["format"]) == ("mode-collapse", tables.FORMAT)
    assert (about["settings"]["minutes"], len(about["seeds"])) == (13.0, 10)
    assert list(findings.columns) == list(COLUMNS)
    made = claims(findings.rows)
    assert made == list(findings.claims)
    for data in dict.fromkeys(str(row["data"]) for row in findings.rows):
        (stored,) = (row for row in findings.controls if row["data"] == data)
        for key, value in control(data, 10).items():
            kept = stored[key]
            if isinstance(value, PerSeed) and isinstance(kept, PerSeed):
                assert kept.values == pytest.approx(value.values, rel=1e-9), key
            else:
                assert kept == value, key
    lost = {"complete": 0, "reached": PerSeed((0.0,) * 10)}
    assert claims({**row, **lost} for row in findings.rows) != made
    covered = {"complete": 10, "reached": PerSeed((8.0,) * 10)}
    others = claims({**row, **covered} for row in findings.rows)
    assert [claim.holds for claim in others] != [claim.holds for claim in made]
    shown = (RESULTS / "mode-collapse/page.md").read_text(encoding="utf-8")
    assert tables.table(findings) in shown

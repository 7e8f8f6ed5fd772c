"""Every experiment in its reduced form, from the command to its page. Slow: some ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from saddlepoint.lab import EXPERIMENTS, tables
from saddlepoint.lab.experiment import Experiment
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import TABLES, carry_out, drawn_files

RESULTS = Path(__file__).parents[2] / "docs" / "results"
# Mode collapse has a test of its own, and the long ones are not for tests.
OTHERS = [one for one in EXPERIMENTS.values() if not one.long and one.name != "mode-collapse"]


@pytest.mark.slow
@pytest.mark.parametrize("one", OTHERS, ids=lambda one: one.name)
def test_the_reduced_form_measures_and_claims_what_the_full_one_does(
    tmp_path: Path, one: Experiment
) -> None:
    """The same columns; a claim for each of the full form's, though fewer seeds may refute it."""
    options = LabOptions(fast=True)
    findings = carry_out(one, tmp_path / "out", options)
    committed, _ = tables.read_result((RESULTS / one.name / tables.RESULT).read_text("utf-8"))
    assert [column.key for column in findings.columns] == [c.key for c in committed.columns]
    assert findings.rows
    assert findings.reading
    assert len(findings.claims) == len(committed.claims)
    assert sum(claim.holds for claim in findings.claims) > 0
    for name in (*TABLES, *drawn_files(one, options)):
        assert (tmp_path / "out" / name).stat().st_size > 0

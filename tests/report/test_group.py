"""One page about several runs that differ in their seed."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.training.record import read_record


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("reported") / "group"
    sp.train(tiny("dcgan").replace(seeds=2), where, quiet=True)
    return where


def test_the_page_shows_each_seed_and_their_mean(group: Path) -> None:
    page = sp.build_report(group).read_text()
    assert "All 2 seeds are finished." in page
    assert "The 2 seeds at step 12" in page
    places = [group / "seed-0", group / "seed-1"]
    last = [read_record(place).scalars["critic/loss"][-1] for place in places]
    assert f"{statistics.fmean(last):.4g} ± {statistics.stdev(last):.2g}" in page
    for place in places:
        assert f'<a href="{place.name}/report.html">' in page
        assert "Finished at step 12" in (place / "report.html").read_text()
    assert not (group / "samples").exists()


def test_a_page_elsewhere_has_no_links(group: Path, tmp_path: Path) -> None:
    page = sp.build_report(group, tmp_path / "page.html").read_text()
    assert "<a href" not in page
    assert "Generated samples of seed-1." in page


def test_evaluations_of_a_group_are_on_its_page(group: Path) -> None:
    from saddlepoint.evaluation.files import write_beside_run

    evaluation = sp.evaluate(group, n=40, features="pixels", scores="kernel")
    write_beside_run(evaluation, group)
    assert "means over 2 seeds" in sp.build_report(group).read_text()


def test_a_group_that_is_not_complete(tmp_path: Path) -> None:
    from saddlepoint.training.run_directory import write_group

    where = tmp_path / "group"
    where.mkdir()
    write_group(where, tiny("dcgan").replace(seeds=3))
    with pytest.raises(sp.BadInput, match=r"no seed of .* has begun"):
        sp.build_report(where)
    sp.train(tiny("dcgan"), where / "seed-0", quiet=True)
    page = sp.build_report(where).read_text()
    assert "1 of 3 seeds are finished." in page
    assert "2 of 3 seeds did not begin yet." in page

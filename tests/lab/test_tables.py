"""Tables: what is written is read back, in every format that promises it."""

from __future__ import annotations

import pytest

from saddlepoint.lab import Claim, Column, Findings, PerSeed, tables, write_up

COLUMNS = (
    Column("name", "name, of it"),
    Column("n", "number_n", "count", ","),
    Column("share", "share, %", "number", ".1f", 100),
    Column("score", "σ̂", "seeds", ".2f", latex=r"$\hat\sigma$"),
)
ROWS = (
    {"name": 'a "b", | & c', "n": 50_000, "share": 1 / 3, "score": PerSeed((0.1 + 0.2, None, 1.0))},
    {"name": "", "n": None, "share": None, "score": None},
    {"name": "12", "n": -3, "share": 1e-300, "score": PerSeed((None, None))},
)
CONTROLS = ({"name": "perfect", "n": 0, "share": 1.0, "score": PerSeed((2.0,))},)
FINDINGS = Findings(COLUMNS, ROWS, CONTROLS, (Claim("It is so.", True, "n = 3"),))


def test_csv_is_read_back() -> None:
    rows, controls = tables.read_csv(tables.csv_text(FINDINGS), COLUMNS)
    assert (tuple(rows), tuple(controls)) == (ROWS, CONTROLS)


def test_the_result_is_read_back() -> None:
    text = tables.result_text(FINDINGS, {"experiment": "it", "seeds": [0, 1]})
    findings, about = tables.read_result(text)
    assert about == {"format": tables.FORMAT, "experiment": "it", "seeds": [0, 1]}
    for name in ("columns", "rows", "controls", "claims"):
        assert tuple(getattr(findings, name)) == getattr(FINDINGS, name)


def test_the_table_shows_means_and_spreads() -> None:
    text = tables.table(FINDINGS)
    assert text.startswith("| name, of it | number_n | share, % | σ̂ |\n|---|")
    assert '| a "b", \\| & c | 50,000 | 33.3 | 0.65 ± 0.49 (1 of 3 none) |' in text
    assert "| 12 | -3 | 0.0 | none |" in text
    assert "| perfect | 0 | 100.0 | 2.00 ± 0.00 |" in text
    lines = tables.aligned(FINDINGS)
    assert lines[0].split() == ["name,", "of", "it", "number_n", "share,", "%", "σ̂"]
    assert len({line.index("number_n") + 8 for line in lines[:1]}) == 1
    assert lines[1].index("50,000") + len("50,000") == lines[0].index("number_n") + len("number_n")


ABOUT = {
    "experiment": "coin-toss",
    "question": "Is it so?",
    "method": ["It is tossed."],
    "settings": {"minutes": 2.0, "fast": True, "whole": False, "given": {"minutes": 2.0}},
    "seeds": [0],
    "processor": "an abacus",
}


def test_the_page_says_which_claims_hold() -> None:
    page = write_up.markdown(FINDINGS, ABOUT, ["toss.png"])
    assert page.startswith("# Coin toss\n\n**Is it so?**\n\nIt is tossed.\n\n![toss.png]")
    assert "- holds: It is so.\n  Measured: n = 3\n" in page
    assert "1 seed, 2 minutes of one core a training, on an abacus;" in page
    assert page.endswith("Done again by `saddlepoint lab coin-toss --fast --minutes 2.0`.\n")
    failed = Findings(COLUMNS, (), (), (Claim("It is so.", False, "n < 0"),), reading="It is not.")
    assert "It is not.\n\n- **fails**: It is so." in write_up.markdown(failed, ABOUT, [])
    assert "fails: It is so. Measured: n &lt; 0" in write_up.html(failed, ABOUT, {})


def test_latex_is_escaped() -> None:
    text = tables.latex(FINDINGS)
    assert r'a "b", | \& c & 50,000 & 33.3 & 0.65 $\pm$ 0.49 (1 of 3 none) \\' in text
    assert r"name, of it & number\_n & share, \% & $\hat\sigma$ \\" in text
    assert text.isascii()
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{lrrr}"
    assert lines[-3:-1] == [r"\hline", r"perfect & 0 & 100.0 & 2.00 $\pm$ 0.00 \\"]


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"n": 1.0},
        {"n": "1"},
        {"share": float("nan")},
        {"share": 1},
        {"name": None},
        {"score": 1.0},
    ],
)
def test_a_row_that_does_not_fit_its_columns_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"no place for|is no"):
        Findings(COLUMNS, (ROWS[0] | change,))


def test_seeds_that_are_not_finite_are_none_and_count() -> None:
    seeds = PerSeed.of([1.0, float("inf"), 3.0, float("nan"), None])
    assert seeds.values == (1.0, None, 3.0, None, None)
    assert (seeds.mean, seeds.deviation) == (2.0, pytest.approx(2**0.5))
    assert (PerSeed((5.0,)).mean, PerSeed((5.0,)).deviation) == (5.0, 0.0)
    assert (PerSeed((None,)).mean, PerSeed((None,)).deviation) == (None, None)

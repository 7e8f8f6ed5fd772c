"""Every pair of parts meets in a run that trains and resumes, or is refused with a reason."""

from __future__ import annotations

from itertools import combinations

import pytest
from pydantic import ValidationError

from kit.outcomes import Workshop, resumed
from kit.pairs import (
    FACTORS,
    REFUSALS,
    Refusal,
    Row,
    covering,
    dead_end,
    refusal_of,
    refusals_of,
    run_of,
)
from kit.pairs import words_of as words
from saddlepoint.errors import BadInput

ROWS = [(family, row) for family in FACTORS for row in covering(words(family), refusals_of(family))]


@pytest.mark.parametrize(("family", "row"), ROWS, ids=[" ".join(row.values()) for _, row in ROWS])
def test_a_combination_trains_and_resumes_to_the_same_bits(
    shop: Workshop, family: str, row: Row
) -> None:
    run = run_of(family, row)
    outcome = shop.outcome(run)
    assert outcome.finite()
    assert outcome.strayed == []
    assert outcome.same(resumed(shop.place_of(run)))


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_what_cannot_stand_together_is_refused_with_a_reason(
    shop: Workshop, refusal: Refusal
) -> None:
    plain = {factor: values[0] for factor, values in words(refusal.family).items()}
    chosen = {factor: sorted(values) for factor, values in refusal.values.items()}
    widest = max(chosen, key=lambda factor: len(chosen[factor]))
    for word in chosen[widest]:
        row = {**plain, **{factor: values[0] for factor, values in chosen.items()}, widest: word}
        others = [each for each in refusals_of(refusal.family) if each is not refusal]
        assert refusal_of(row, others) is None
        with pytest.raises((BadInput, ValidationError), match=refusal.words):
            shop.outcome(run_of(refusal.family, row))


def missing(factors: dict[str, list[str]], rows: list[Row]) -> set[frozenset[tuple[str, str]]]:
    """The pairs that meet in no row."""
    every = {
        frozenset({(one, a), (other, b)})
        for one, other in combinations(factors, 2)
        for a in factors[one]
        for b in factors[other]
    }
    return every - {frozenset(pair) for row in rows for pair in combinations(row.items(), 2)}


@pytest.mark.parametrize("family", FACTORS)
def test_every_pair_meets_that_is_not_refused(family: str) -> None:
    rows = [row for each, row in ROWS if each == family]
    assert all(row.keys() == FACTORS[family].keys() for row in rows)
    for pair in missing(words(family), rows):
        assert dead_end(dict(pair), words(family), refusals_of(family)), pair
    assert len(rows) < 250  # the product would be millions


def test_a_covering_array_is_small_whole_and_the_same_again() -> None:
    factors = {letter: [f"{letter}{number}" for number in range(4)] for letter in "abcdefg"}
    rows = covering(factors)
    assert rows == covering(factors)
    assert missing(factors, rows) == set()
    assert 16 <= len(rows) <= 48  # of 16,384; fewer than 16 cannot be
    refused = Refusal("", "", {"a": frozenset({"a1"}), "b": frozenset({"b1", "b2"})})
    rows = covering(factors, [refused])
    assert missing(factors, rows) == {
        frozenset({("a", "a1"), ("b", "b1")}),
        frozenset({("a", "a1"), ("b", "b2")}),
    }
    assert not any(refused.fits(row) for row in rows)

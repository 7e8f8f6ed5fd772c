"""docs/lectures.md answers every topic, and names experiments that answer it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saddlepoint.lab import EXPERIMENTS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "lectures.md").read_text(encoding="utf-8")
TOPICS = {"A": 23, "B": 10, "C": 6, "D": 34, "E": 25}
ROWS = {
    row[0]: row[2]
    for line in PAGE.split("## A game in three lines")[0].splitlines()
    if len(row := [cell.strip() for cell in line.strip("|").split(" | ")]) == 3
    and re.fullmatch(r"[A-E] \d+", row[0])
}
HOUSE = {
    name: one
    for name, one in EXPERIMENTS.items()
    if one.function.__module__.startswith("saddlepoint.")
}


def test_every_topic_has_its_row() -> None:
    assert list(ROWS) == [
        f"{deck} {n}" for deck, last in TOPICS.items() for n in range(1, last + 1)
    ]
    assert all(ROWS.values())


@pytest.mark.parametrize("topic", ROWS)
def test_a_topic_names_the_experiments_that_say_they_answer_it(topic: str) -> None:
    named = set(re.findall(r"\[`([a-z-]+)`\]\(results/\1/page.md\)", ROWS[topic]))
    assert named == {name for name, one in HOUSE.items() if topic in one.lectures}


def test_every_experiment_of_the_house_answers_a_topic() -> None:
    tables = (
        "augmentation-leak",
        "image-gans",
        "other-weights",
        "pyramid-vs-single",
        "small-data",
        "time-to-quality",
    )  # recipes beside each other, for the gallery
    topics = {name: one.lectures for name, one in HOUSE.items() if name not in tables}
    assert all(topics.values()), topics
    assert {topic for each in topics.values() for topic in each} <= set(ROWS)

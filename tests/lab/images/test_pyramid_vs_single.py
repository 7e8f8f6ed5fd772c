"""A pyramid against one GAN with as many parameters: widths, rows, claims, and a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, Interval, side_by_side
from saddlepoint.lab.bench import Trained
from saddlepoint.lab.findings import Row
from saddlepoint.lab.images import pyramid_vs_single
from saddlepoint.lab.images.models_on_data import row, title
from saddlepoint.lab.images.pyramid_vs_single import (
    PLAYERS,
    PYRAMIDS,
    SCORES,
    SINGLE,
    claims,
    described,
    nearest,
    parameters,
    reading,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out


def trained(model: str, seed: int = 0, value: float | None = 1.0, data: str = "faces") -> Trained:
    """A cell whose scores have this value ± 0.1."""
    figures: dict[str, float | None] = {"generator": 300.0, "critic": 100.0, "images": 640.0}
    for name in SCORES:
        for key, each in ((name, value), (f"{name} control", 0.2)):
            for end, distance in (("", 0.0), (" low", -0.1), (" high", 0.1)):
                figures[key + end] = None if each is None else each + distance
    return Trained(title(data, model, seed), 10, 60.0, "cpu", "a processor", [figures])


def table(**values: tuple[float | None, ...]) -> list[Row]:
    """Rows by the letter of a model: p the pyramid, r that with R3GAN's game, s the single GAN."""
    names = dict(zip("prs", (*PYRAMIDS, SINGLE), strict=True))
    return [
        row(trained(names[letter], seed, value), SCORES, PLAYERS)
        for letter, those in values.items()
        for seed, value in enumerate(those)
    ]


@pytest.fixture
def colour(tmp_path: Path) -> str:
    """Images of 20×12 in colour, with labels."""
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    x = rng.integers(0, 256, (600, 20, 12, 3), dtype=np.uint8)
    np.savez(path, x=x, y=np.arange(600) % 3)
    return str(path)


@pytest.mark.parametrize("data", ["fashion-mnist", "own"])
def test_the_single_gan_has_as_many_parameters(data: str, colour: str) -> None:
    runs = described(colour if data == "own" else data, whole=True)
    info = runs[SINGLE].data.open().info
    counted = {model: parameters(run, info) for model, run in runs.items()}
    wanted = counted[PYRAMIDS[0]]
    for of_model in counted.values():
        for player in PLAYERS:
            assert of_model[player] == pytest.approx(wanted[player], rel=0.04)
        assert sum(of_model.values()) == pytest.approx(sum(wanted.values()), rel=0.04)
    game = runs[SINGLE].learner
    for player in PLAYERS:  # and no other width is nearer
        off = abs(counted[SINGLE][player] - wanted[player])
        for change in (-1, 1):
            network = getattr(game, player)
            other = game.replace(**{player: network.replace(width=network.width + change)})
            found = parameters(runs[SINGLE].replace(learner=other), info)[player]
            assert abs(found - wanted[player]) >= off


def test_the_nearest_width_is_found_by_halving() -> None:
    for wanted in (0, 1, 30, 31, 10**9):
        every = range(1, pyramid_vs_single.WIDEST + 1)
        best = min(every, key=lambda width: abs(width**2 - wanted))
        assert nearest(lambda width: width**2, wanted) == best


def test_a_pyramid_is_better_only_where_no_intervals_meet() -> None:
    made = claims(table(p=(1.0, 1.2), r=(1.0, 1.5), s=(1.5, 1.6)))
    assert [claim.holds for claim in made] == [True, True, False, False]
    assert all(PYRAMIDS[0] in claim.statement for claim in made[:2])
    assert all(PYRAMIDS[1] in claim.statement for claim in made[2:])
    assert [next(h for h in SCORES.values() if h in c.statement) for c in made] == [
        *SCORES.values(),
        *SCORES.values(),
    ]
    assert made[0].evidence == "highest upper end 1.300, the other's lowest 1.400."
    assert not any(claim.holds for claim in claims(table(p=(1.0, 1.0), s=(1.0, 3.0))))
    assert not any(claim.holds for claim in claims(table(p=(3.0, 3.0), s=(1.0, 1.0))))


def test_what_has_no_number_is_not_better() -> None:
    for rows in (table(p=(None, 0.1), s=(3.0, 3.0)), table(p=(0.1, 0.1), s=(3.0, None))):
        assert len(claims(rows)) == len(SCORES)
        assert not any(claim.holds for claim in claims(rows))
        assert reading(rows, all_data=True).count("not told apart") == len(SCORES)
    assert claims(table(p=(1.0, 1.0))) == []  # of a pair that was not measured nothing is said


def test_the_reading_says_which_is_better_and_what_was_left_out() -> None:
    said = reading(table(p=(1.0, 1.0), r=(3.0, 3.0), s=(2.0, 2.0)), all_data=False)
    first, second, third = said.split(". ")
    assert first == (
        "faces: lapgan-two-core is better in the kernel distance and better in the sliced "
        "Wasserstein distance"
    )
    assert "lapgan-r3-two-core is worse in the kernel distance and worse" in second
    assert third == "No further images were given (--data): fashion-mnist alone was measured."
    assert "--data" not in reading(table(p=(1.0,), s=(2.0,)), all_data=True)


def test_it_measures_each_data_and_model(
    tmp_path: Path, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = EXPERIMENTS["pyramid-vs-single"]
    assert experiment.long
    assert experiment.data
    small = {"DATA": "digits", "PYRAMIDS": PYRAMIDS[:1], "SAMPLES": 60, "FEATURES": "pixels"}
    for name, value in small.items():
        monkeypatch.setattr(pyramid_vs_single, name, value)
    monkeypatch.setattr(side_by_side, "_steps", lambda *_: 3)
    with quickly():
        options = LabOptions(seeds=1, minutes=0.01, at_once=1, data=Path(colour))
        findings = carry_out(experiment, tmp_path / "out", options)
    assert [(r["data"], r["model"]) for r in findings.rows] == [
        ("digits", PYRAMIDS[0]),
        ("digits", SINGLE),
        ("own", PYRAMIDS[0]),
        ("own", SINGLE),
    ]
    for made in findings.rows:
        assert made["steps"] == 3
        assert all(isinstance(made[key], Interval) for key in SCORES)
    assert [each["data"] for each in findings.controls] == ["digits", "own"]
    assert len(findings.claims) == 4
    assert (tmp_path / "out" / "samples.png").exists()
    assert str(tmp_path) not in (tmp_path / "out/result.json").read_text()

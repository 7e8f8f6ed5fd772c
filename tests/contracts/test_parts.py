"""What every part must do, at its tiny instance in a tiny run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kit.outcomes import Workshop, resumed, trained
from kit.parts import BASE, KINDS, LISTS, PLACES, TINY, run_with
from kit.tiny import command
from saddlepoint.run.description import Run
from saddlepoint.training.step import Stepper

EVERYWHERE = [(name, kind, place) for name, kind in KINDS for place in PLACES[name]]
in_every_place = pytest.mark.parametrize(
    ("name", "kind", "place"), EVERYWHERE, ids=[" ".join(each) for each in EVERYWHERE]
)


@in_every_place
def test_a_run_with_it_survives_json(name: str, kind: str, place: str) -> None:
    run = run_with(name, kind, place)
    again = Run.model_validate_json(run.model_dump_json())
    assert again == run
    assert again.model_dump_json() == run.model_dump_json()


@in_every_place
def test_it_trains_and_a_phase_moves_only_its_players(
    shop: Workshop, name: str, kind: str, place: str
) -> None:
    outcome = shop.outcome(run_with(name, kind, place))
    assert outcome.step == 2
    assert outcome.finite()
    assert outcome.strayed == []


@in_every_place
def test_it_resumes_to_the_same_bits(shop: Workshop, name: str, kind: str, place: str) -> None:
    run = run_with(name, kind, place)
    assert shop.outcome(run).same(resumed(shop.place_of(run)))


@pytest.mark.parametrize("kind", [source.word() for source in LISTS["sources"]])
def test_its_data_are_found_from_another_folder(
    ground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source = TINY["sources", kind]
    run = BASE.replace(data=source.without_fetching())
    monkeypatch.chdir(ground)
    before = trained(run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert before.same(resumed(tmp_path / "run"))


@pytest.fixture(scope="module")
def helps() -> str:
    """The whole help of the recipes that between them have a place for every part."""
    return " ".join(
        command("train", *words, "--help", "--all").stdout
        for words in (["gan", "--data", "ring"], ["vae"])
    )


@pytest.mark.parametrize(("name", "kind"), KINDS, ids=[" ".join(each) for each in KINDS])
def test_help_names_it(helps: str, name: str, kind: str) -> None:
    choices = {
        word for group in re.findall(r"\{([^}]*)\}", helps) for word in re.split(r"[,\s]+", group)
    }
    if name == "schedules":
        assert f"{kind}:" in helps  # which are written out
    elif name == "sources":
        word = kind if TINY[name, kind].named else "PATH"
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", helps)
    else:
        assert kind in choices


def test_what_strays_is_seen(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ground)
    original = Stepper.move

    def clumsy(self: Stepper, phase: Any, *rest: Any) -> None:
        original(self, phase, *rest)
        other = next(name for name in self.parameters if name not in phase.moves)
        self.parameters[other][0].data.add_(1)

    monkeypatch.setattr(Stepper, "move", clumsy)
    outcome = trained(BASE, ground / "clumsy")
    assert any(name.endswith("in the phase 'critic'") for name in outcome.strayed)
    assert any(name.endswith("in the phase 'generator'") for name in outcome.strayed)

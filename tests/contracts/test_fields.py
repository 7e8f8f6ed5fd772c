"""Every field is declared to decide the result, or to be mere conduct, and holds to it."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
from pydantic import ValidationError

from kit.field_values import AROUND, OTHERS, REFUSED
from kit.fields import Spot, breach, spots
from kit.outcomes import Workshop
from kit.parts import BASE, LISTS
from saddlepoint.errors import BadInput
from saddlepoint.games.dynamics import Dynamics, Game
from saddlepoint.run.description import Run

SPOTS = {spot.name: spot for spot in spots()}


@pytest.mark.parametrize("name", SPOTS)
def test_a_field_decides_the_result_or_is_conduct(shop: Workshop, name: str) -> None:
    if name in REFUSED:
        with pytest.raises((BadInput, ValidationError), match=REFUSED[name]):
            breach(SPOTS[name], shop.outcome)
    else:
        assert breach(SPOTS[name], shop.outcome) is None


@pytest.mark.parametrize(
    "name", [name for name, spot in SPOTS.items() if spot.needs_others and name not in REFUSED]
)
def test_a_field_that_needs_others_is_refused_without_them(shop: Workshop, name: str) -> None:
    try:
        problem = breach(SPOTS[name], shop.outcome, alone=True)
    except (BadInput, ValidationError):
        problem = None
    assert problem is None


def test_the_tables_speak_of_fields_that_there_are() -> None:
    assert REFUSED.keys() <= SPOTS.keys()
    there = {(base, spot.field) for spot in SPOTS.values() for base in type(spot.owner).__mro__}
    assert {*OTHERS, *AROUND} <= there


class Careless(Dynamics):
    """Simultaneous, with a field that it ignores and conduct that it does not."""

    conduct = frozenset({"aside", "quietly"})
    equation: ClassVar[str] = "z"
    cures: ClassVar[str] = "nothing"
    on_xy: ClassVar[str] = "1"
    paper: ClassVar[str] = "none"
    alternates: ClassVar[bool] = False  # else the step plays the phases itself

    kind: Literal["careless"] = "careless"
    ignored: float = 1.0
    scale: float = 1.0
    aside: float = 1.0
    quietly: float = 1.0

    def step(self, game: Game, memory: dict, progress: float) -> None:
        factor = self.scale * self.quietly
        gradients = {turn: game.gradients(turn) for turn in game.turns}
        for turn, slopes in gradients.items():
            game.update(turn, {name: factor * value for name, value in slopes.items()})


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("ignored", "training.dynamics.ignored takes 0.5 and ignores it"),
        ("scale", None),
        ("aside", None),
        ("quietly", "training.dynamics.quietly is conduct, and 0.5 changes the result"),
    ],
)
def test_the_contract_sees_what_it_should(shop: Workshop, field: str, expected: str | None) -> None:
    LISTS["dynamics"].append(Careless)
    try:
        run: Run = BASE.replace(training=BASE.training.replace(dynamics=Careless()))
        spot = Spot(f"careless {field}", run, f"training.dynamics.{field}")
        assert breach(spot, shop.outcome) == expected
    finally:
        LISTS["dynamics"].remove(Careless)

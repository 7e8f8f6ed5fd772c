"""Names of the games' parts, checked against the registry (torch-free)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from saddlepoint.description import OneOf
from saddlepoint.errors import did_you_mean
from saddlepoint.games.objectives import OBJECTIVES


def _known_objective(name: str) -> str:
    if name not in OBJECTIVES:
        raise ValueError(
            f"'{name}' is not an objective (known: {', '.join(OBJECTIVES)})."
            f"{did_you_mean(name, OBJECTIVES)}"
        )
    return name


ObjectiveName = Annotated[str, AfterValidator(_known_objective), OneOf(OBJECTIVES)]

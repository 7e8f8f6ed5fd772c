"""Which weights a run starts from, where not from random ones (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from saddlepoint.description import Description, FilledIn

Weights = Literal["last", "averaged"]


class Init(Description):
    """Another run, whose weights this one starts from as far as they fit."""

    run: Path | None = Field(None, description="The other run's directory; by default none.")
    checkpoint: int | Literal["auto", "latest", "best"] = Field(
        "auto", description="latest, best, a step, or auto: the best if it names one, else latest."
    )
    weights: Weights = Field(
        "last",
        description="last: players start from the last weights, their average from the average. "
        "averaged: both from the average.",
    )
    member: int | None = Field(
        None, ge=0, description="Of a run of several seeds in one program: which, from 0."
    )
    sha256: Annotated[str | None, FilledIn()] = Field(
        None, description="Digest of the checkpoint's tensors, filled in when the run begins."
    )

    @model_validator(mode="after")
    def _of_a_run(self) -> Init:
        if self.run is None and (speaking := self.changed("checkpoint", "weights", "member")):
            raise ValueError(
                f"{' and '.join(speaking)} say what is taken of another run: name it with --init."
            )
        return self

"""The typed, validated, printable description of a whole run; JSON in and out (torch-free)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, model_validator

from saddlepoint.data.kinds import AnySource
from saddlepoint.data.published import Digits
from saddlepoint.description import Description, FilledIn, validated
from saddlepoint.errors import BadInput
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.kinds import AnyFamily
from saddlepoint.run.init import Init
from saddlepoint.run.own_parts import check_imports, used_by
from saddlepoint.run.training import Training

FORMAT: Final = 2
NAME = "run.json"
#: Says of a folder that the runs below it are the seeds of one description.
GROUP = "group.json"
MOST_SEEDS = 256
EVALUATIONS = "evaluations"  # folder of a run directory


class Run(Description):
    """Everything that decides what a run computes."""

    conduct: ClassVar[frozenset[str]] = frozenset({"recipe", "imports"})

    format: Literal[2] = Field(FORMAT, description="Version of this description's layout.")
    recipe: str | None = Field(None, description="Name of the recipe that it came from.")
    seed: int = Field(0, ge=0, description="Seed of weights, order, latents and everything else.")
    seeds: int = Field(
        1,
        ge=1,
        le=MOST_SEEDS,
        description="Train so many seeds (seed, seed + 1, ...): side by side in one program where "
        "the networks stack, else a run directory each.",
    )
    imports: Annotated[tuple[str, ...], FilledIn()] = Field(
        (), description="Modules and files with parts of the user's own that it uses."
    )
    data: AnySource = Digits()
    learner: AnyFamily = Adversarial()
    init: Init = Init()
    training: Training = Training()

    @model_validator(mode="before")
    @classmethod
    def _imports_are_there(cls, values: Any) -> Any:
        """Say so before anything else fails for the lack of them."""
        if isinstance(values, dict):
            check_imports(values.get("imports"))
        return values

    @model_validator(mode="after")
    def _knows_its_imports(self) -> Run:
        self.__dict__["imports"] = used_by(self)  # the model is frozen
        return self


def seeds_of(run: Run) -> int | tuple[int, ...]:
    """The run's seed, or the seeds of its members."""
    return run.seed if run.seeds == 1 else tuple(range(run.seed, run.seed + run.seeds))


def read_run(path: Path) -> Run:
    """Read a description from a ``run.json``: of a run directory, or one written by hand.

    Raises:
        BadInput: No such file, no JSON, of another format, or not a description.

    Example:
        >>> from pathlib import Path
        >>> import saddlepoint as sp
        >>> file = Path("my-run.json")
        >>> _ = file.write_text(str(sp.recipes.vae("digits", steps=10)))
        >>> run = sp.read_run(file)
        >>> run.learner.kind, run.training.steps
        ('variational', 10)
    """
    content = read_json(path)
    check_format(content, path)
    return validated(Run, content.get("given", content))


def check_format(content: dict[str, Any], path: Path) -> None:
    """Refuse a ``run.json`` of another layout, whether of a run or written by hand.

    Raises:
        BadInput: It was written by an earlier or a later version.
    """
    given = content.get("given")
    for part in (content, given if isinstance(given, dict) else {}):
        written = part.get("format", FORMAT)
        if not isinstance(written, int) or isinstance(written, bool) or written == FORMAT:
            continue
        if written < FORMAT:
            raise BadInput(
                f"{path} was written by an earlier version of saddlepoint (its format is "
                f"{written}, and this version reads {FORMAT}): start the run anew."
            )
        raise BadInput(
            f"{path} was written by a later version of saddlepoint (its format is {written}, and "
            f"this version reads {FORMAT}): use that version."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object.

    Raises:
        BadInput: No such file, or it holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise BadInput(f"{path} holds no valid JSON: {error}.") from error
    except RecursionError as error:
        raise BadInput(f"{path} is nested too deep to be the description of a run.") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no JSON object, so it describes no run.")
    return content

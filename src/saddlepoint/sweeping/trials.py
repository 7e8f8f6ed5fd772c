"""A search: what it varies and by which score it chooses, and its trials, as they are stored."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.run.description import FORMAT, Run, check_format, read_json, read_run
from saddlepoint.scores.declaration import SCORES, Score
from saddlepoint.sweeping.cells import (
    NAME,
    START,
    TRIALS,
    Cell,
    Describe,
    Scoring,
    damaged,
    read_sweep,
    same_runs,
)
from saddlepoint.sweeping.varied import Varied, check_varied

DEFAULT_SCORE = "kernel"
MOST_TRIALS = 1000
State = Literal["waiting", "done", "failed"]


@dataclass(frozen=True)
class Trial:
    """One combination of values that is tried.

    Attributes:
        number: From 1.
        values: The words of each option that varies, in their order.
        state: Whether it is still to be trained and scored, came to a score, or failed.
        scores: One a seed, on the validation split.
        detail: Why it failed.
    """

    number: int
    values: tuple[tuple[str, ...], ...]
    state: State = "waiting"
    scores: tuple[float, ...] = ()
    detail: str = ""

    @property
    def name(self) -> str:
        """Its folder below the sweep's."""
        return f"trial-{self.number}"

    @property
    def mean(self) -> float:
        """Over seeds."""
        return statistics.fmean(self.scores)

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None of a single one."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None

    def failed(self, why: str) -> Trial:
        """The trial, with what kept it from a score."""
        return replace(self, state="failed", detail=why)

    def done(self, scores: Sequence[float]) -> Trial:
        """The trial with its score."""
        return replace(self, state="done", scores=tuple(scores))


@dataclass(frozen=True)
class Search:
    """What a search tries.

    Attributes:
        start: What all trials have in common.
        varied: What differs.
        trials: How many are tried.
        by: Name of the score by which the best is chosen, in the first feature space.
        scoring: How the best are compared at the end; its examples and features hold for ``by``.
        recipe: The recipe that the trials are made from; empty: the description ``start``.
        words: With a recipe, the options of the command line that all trials have in common.
    """

    start: Run
    varied: tuple[Varied, ...]
    trials: int
    by: str = DEFAULT_SCORE
    scoring: Scoring = field(default_factory=Scoring)
    recipe: str = ""
    words: tuple[str, ...] = ()

    @property
    def score(self) -> Score:
        """The score by which the best is chosen."""
        return SCORES[self.by]

    @property
    def higher(self) -> bool:
        """Whether the score is to be high."""
        return self.score.better == "higher"

    def check(self, described: Describe) -> None:
        """Refuse what cannot be searched before anything is trained.

        Raises:
            BadInput: The score has no direction, there are fewer combinations than trials, or a
                value does not exist or fit beside the others' first ones.
        """
        check_varied(self.varied)
        known = [name for name, each in SCORES.items() if each.better != "real"]
        if self.by not in known:
            raise BadInput(
                f"--by '{self.by}': use a score of which lower or higher is better "
                f"({', '.join(known)}).{did_you_mean(self.by, known)}"
            )
        if not 2 <= self.trials <= MOST_TRIALS:
            raise BadInput(f"--trials {self.trials}: use 2 to {MOST_TRIALS:,}.")
        if all(each.range is None for each in self.varied):
            count = math.prod(len(each.values) for each in self.varied)
            if count <= self.trials:
                raise BadInput(
                    f"these are {count} combinations and {self.trials} trials: leave --pick and "
                    "--trials out, and all of them are trained."
                )
        first = [ends_of(each)[0] for each in self.varied]
        for place, each in enumerate(self.varied):
            for value in ends_of(each):
                self.described([*first[:place], value, *first[place + 1 :]], described)

    def described(self, values: Sequence[Sequence[str]], described: Describe) -> Run:
        """The run with these values.

        Raises:
            BadInput: They do not exist or fit.
        """
        pairs = zip(self.varied, values, strict=True)
        return described([word for each, value in pairs for word in each.as_words(value)])

    def shown(self, trial: Trial) -> str:
        """The values of a trial in words."""
        pairs = zip(self.varied, trial.values, strict=True)
        return ", ".join(f"{each.last}={each.shown(value)}" for each, value in pairs)

    def cell(self, trial: Trial, described: Describe) -> Cell:
        """What is trained for a trial.

        Raises:
            BadInput: Its values do not fit each other.
        """
        run = self.described(trial.values, described)
        return Cell(trial.name, run.replace(data=self.start.data))

    def same(self, other: Search, where: Path) -> bool:
        """Whether another one goes on with this stored one: it may have more trials."""
        return (
            same_runs([self.start], [other.start], where)
            and (self.recipe, self.by, self.scoring.n) == (other.recipe, other.by, other.scoring.n)
            and [v.written() for v in self.varied] == [v.written() for v in other.varied]
            and self.scoring.features[:1] == other.scoring.features[:1]
        )


def ends_of(varied: Varied) -> list[tuple[str, ...]]:
    """Values that must be possible if all are: those of a list, the ends of a range."""
    if varied.range is None:
        return list(varied.values)
    return [(word,) for word in varied.range.ends]


def write_search(where: Path, search: Search) -> None:
    """Write a search's ``sweep.json`` and ``start.json``."""
    from saddlepoint.training.checkpoint import replace_text

    body = {
        "recipe": search.recipe,
        "words": list(search.words),
        "vary": [each.written() for each in search.varied],
        "trials": search.trials,
        "by": search.by,
    }
    whole = {"format": FORMAT, "scoring": search.scoring.as_json(), "search": body}
    replace_text(where / START, search.start.model_dump_json(indent=2))
    replace_text(where / NAME, json.dumps(whole, indent=2))


def read_search(where: Path) -> Search | None:
    """The search of a sweep's folder; None if it is a grid.

    Raises:
        BadInput: ``sweep.json`` is damaged or of another format.
    """
    written = read_sweep(where)
    if "search" not in written:
        return None
    body = written["search"]
    try:
        search = Search(
            read_run(where / START),
            tuple(Varied.parse(text) for text in body["vary"]),
            int(body["trials"]),
            str(body["by"]),
            Scoring.read(written.get("scoring")),
            str(body["recipe"]),
            tuple(map(str, body["words"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(where) from error
    if search.by not in SCORES:
        raise BadInput(f"{where / NAME} chooses by the unknown score '{search.by}'.")
    return search


def write_trials(where: Path, trials: Sequence[Trial]) -> None:
    """Write ``trials.json``."""
    from saddlepoint.training.checkpoint import replace_text

    whole = {"format": FORMAT, "trials": [asdict(trial) for trial in trials]}
    replace_text(where / TRIALS, json.dumps(whole, indent=1, allow_nan=False))


def read_trials(where: Path) -> list[Trial]:
    """The trials so far.

    Raises:
        BadInput: ``trials.json`` is damaged or of another format.
    """
    path = where / TRIALS
    if not path.exists():
        return []
    written: dict[str, Any] = read_json(path)
    check_format(written, path)
    try:
        trials = [
            Trial(
                int(each["number"]),
                tuple(tuple(map(str, value)) for value in each["values"]),
                each["state"],
                tuple(map(float, each["scores"])),
                str(each["detail"]),
            )
            for each in written["trials"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is damaged: start the sweep anew.") from error
    for place, trial in enumerate(trials, 1):
        known = trial.state in ("waiting", "failed") or (trial.state == "done" and trial.scores)
        if trial.number != place or not known:
            raise BadInput(f"{path} is damaged: start the sweep anew.")
    return trials

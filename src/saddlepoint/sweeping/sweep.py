"""``sweep``: runs that differ in a few options, each with several seeds, and their comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from saddlepoint import options
from saddlepoint.errors import BadInput
from saddlepoint.run.description import Run
from saddlepoint.sweeping import grid, search
from saddlepoint.sweeping.cells import NAME, Scoring, cells_of
from saddlepoint.sweeping.swept import Sweep
from saddlepoint.sweeping.trials import DEFAULT_SCORE, Search, read_search
from saddlepoint.sweeping.varied import Varied

Pick = Literal["grid", "optuna"]


def sweep(
    run: Run,
    vary: Mapping[str, str | Sequence[Any]],
    *,
    seeds: int | None = None,
    pick: Pick = "grid",
    trials: int | None = None,
    by: str | None = None,
    n: int | None = None,
    features: str | Sequence[str] = "auto",
    scores: str | Sequence[str] = "default",
    out: str | Path | None = None,
    at_once: int = 1,
    quiet: bool = False,
) -> Sweep:
    """Train combinations of some options' values with several seeds, and compare them.

    A grid has every combination. A search (``pick="optuna"``) tries some, chosen by what the
    earlier ones came to: it looks for the best mean over seeds of one score, on the validation
    split, and compares the best five at the end.

    A sweep that was interrupted goes on when it is called again with the same folder, and so does
    ``saddlepoint resume FOLDER``; a search may then have more trials.

    Args:
        run: What all have in common.
        vary: Places in the description, such as ``learner.critic_optimiser.learning_rate``, with
            the values of each; a word stands for a part, a list of words for a list of parts. A
            text is read as behind ``=`` of ``--vary``: ``"1e-5..1e-3"`` is a range, for a search.
        seeds: Seeds of each combination; by default those of ``run``.
        pick: ``grid`` or ``optuna``.
        trials: Of a search: how many.
        by: Of a search: the score by which it chooses, ``kernel`` by default.
        n: Real examples and samples that scores are computed from, as for ``compare``.
        features: Feature spaces as words; a search chooses in the first.
        scores: Names of the scores of the comparison, ``default`` or ``all``.
        out: The folder; by default the first free ``runs/sweep-NAME-N``.
        at_once: Processes side by side.
        quiet: Show no progress.

    Raises:
        BadInput: An option or value that does not exist, or a folder with something else.
        RunStopped: A run of a grid stopped itself, and all others came to their ends; or no trial
            of a search came to a score.
        Interrupted: A signal came; everything was saved.
    """
    varied = [Varied.of(name, values) for name, values in vary.items()]
    scoring = Scoring.of(n, features, scores)
    if seeds is not None:
        run = options.replaced(run, {"seeds": seeds})

    def described(words: Sequence[str]) -> Run:
        return options.with_words(run, words, "sweep")

    check_pick(pick, trials, by)
    if pick == "grid":
        cells = cells_of(varied, described)
        return grid.carry_out(cells, out, scoring, at_once=at_once, quiet=quiet)
    asked = Search(run, tuple(varied), trials or 0, by or DEFAULT_SCORE, scoring)
    return search.carry_out(asked, described, out, at_once=at_once, quiet=quiet)


def sweep_of_words(
    start: options.Start,
    words: Sequence[str],
    varied: Sequence[Varied],
    prog: str,
    *,
    pick: Pick,
    trials: int | None,
    by: str | None,
    scoring: Scoring,
) -> Sweep:
    """The sweep of a command line: ``words`` are those of ``train``.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    run, common = options.described(start, words, prog)

    def described(more: Sequence[str]) -> Run:
        return options.described(start, [*words, *more], prog)[0]

    check_pick(pick, trials, by)
    settings: dict[str, Any] = {"at_once": common.at_once or 1, "quiet": common.quiet}
    if pick == "grid":
        return grid.carry_out(cells_of(varied, described), common.out, scoring, **settings)
    recipe = start.path.name if start.recipe is not None else ""
    kept = tuple(words) if recipe else ()
    asked = Search(run, tuple(varied), trials or 0, by or DEFAULT_SCORE, scoring, recipe, kept)
    return search.carry_out(asked, described, common.out, **settings)


def check_pick(pick: str, trials: int | None, by: str | None) -> None:
    """Refuse options that would be ignored, and a search without an end.

    Raises:
        BadInput: One is.
    """
    if pick not in ("grid", "optuna"):
        raise BadInput(f"--pick '{pick}': use grid or optuna.")
    if pick == "grid":
        for name, value in (("--trials", trials), ("--by", by)):
            if value is not None:
                raise BadInput(f"{name} is for a search: add --pick optuna.")
    elif trials is None:
        raise BadInput("--pick optuna: say how many combinations to try, as in --trials 20.")


def is_sweep(where: Path) -> bool:
    """Whether a folder is a sweep's."""
    return (where / NAME).is_file()


def resume(where: Path, *, at_once: int = 1, quiet: bool = False) -> Sweep:
    """Go on with a sweep: train what is missing, then compare.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    further = grid.resume if read_search(where) is None else search.resume
    return further(where, at_once=at_once, quiet=quiet)

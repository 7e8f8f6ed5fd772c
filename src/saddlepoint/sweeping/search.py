"""A search: trials whose values are proposed by what the earlier ones came to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saddlepoint import options
from saddlepoint.errors import BadInput, RunStopped, SaddlepointError
from saddlepoint.recipes import find
from saddlepoint.sweeping.cells import (
    NAME,
    START,
    Describe,
    another,
    leave_no_trace,
    place_of,
    tasks_of,
)
from saddlepoint.sweeping.proposals import Proposals, check_optuna
from saddlepoint.sweeping.swept import Sweep, compared
from saddlepoint.sweeping.trials import (
    Search,
    Trial,
    read_search,
    read_trials,
    write_search,
    write_trials,
)

if TYPE_CHECKING:
    from saddlepoint.training.tasks import Task

#: So many of the best are compared at the end: every further pair makes each test weaker.
COMPARED = 5


def carry_out(
    search: Search,
    described: Describe,
    out: str | Path | None,
    *,
    at_once: int = 1,
    quiet: bool = False,
) -> Sweep:
    """Try what is not tried yet, then compare the best.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    from saddlepoint.training import groups, run_directory

    check_optuna()
    groups.check_at_once(at_once)
    search.check(described)
    where = place_of(out, search.start)
    if (where / NAME).is_file():
        stored = read_search(where)
        if stored is None or not stored.same(search, where):
            raise another(where)
        write_search(where, _with(stored, search))
        return resume(where, at_once=at_once, quiet=quiet)
    new = not where.exists()
    run_directory.prepare(where, parts=())
    try:
        start = search.start.replace(data=search.start.data.kept_at(where))
        write_search(where, Search(**{**vars(search), "start": start}))
        return resume(where, at_once=at_once, quiet=quiet)
    except SaddlepointError:
        leave_no_trace(where, new)
        raise


def _with(stored: Search, asked: Search) -> Search:
    """A stored search, with more trials or another comparison at the end."""
    changes = {"trials": asked.trials, "scoring": asked.scoring}
    return Search(**{**vars(stored), **changes})


def resume(where: Path, *, at_once: int = 1, quiet: bool = False) -> Sweep:
    """Go on with a search, then compare the best of its trials.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    from saddlepoint.training import groups, run_directory

    check_optuna()
    groups.check_at_once(at_once)
    search = read_search(where)
    assert search is not None  # of those that a folder's file names
    start = options.Start(find(search.recipe) if search.recipe else None, where / START)

    def described(words: Sequence[str]) -> options.Run:
        return options.described(start, [*search.words, *words], "saddlepoint sweep")[0]

    with run_directory.lock(where, parts=()):
        trials = _Loop(search, described, where, at_once, quiet).to_the_end()
        best = sorted(
            (trial for trial in trials if trial.state == "done"),
            key=lambda trial: -trial.mean if search.higher else trial.mean,
        )
        if not best:
            said = next(trial.detail for trial in trials)
            raise RunStopped(f"none of the {len(trials)} trials came to a score; the first: {said}")
        names = [trial.name for trial in best[:COMPARED]]
        return compared(where, names, search.scoring, search=search, trials=trials, quiet=quiet)


class _Loop:
    """Ask, train, score, tell; what happened is stored before anything else happens."""

    def __init__(
        self, search: Search, described: Describe, where: Path, at_once: int, quiet: bool
    ) -> None:
        from saddlepoint.training.groups import is_apart

        self.search, self.described, self.where = search, described, where
        self.at_once, self.quiet = at_once, quiet
        self.trials = read_trials(where)
        self.proposals = Proposals(search.varied, search.start.seed, search.higher)
        for trial in self.trials:
            self.proposals.again(trial.number, trial.values)
            self._tell(trial)
        seeds = search.start.seeds if is_apart(search.start) else 1
        self._side_by_side = max(1, at_once // seeds)

    def to_the_end(self) -> list[Trial]:
        """All trials, each with its score or the reason why it has none.

        Raises:
            SaddlepointError: As of ``sweep``.
        """
        if not self.trials:
            from saddlepoint.evaluation.sides import check_validation

            check_validation(self.search.start.data.open().info)
        while True:
            waiting = [trial for trial in self.trials if trial.state == "waiting"]
            while len(waiting) < self._side_by_side and len(self.trials) < self.search.trials:
                number = len(self.trials) + 1
                waiting.append(Trial(number, self.proposals.ask(number)))
                self.trials.append(waiting[-1])
            if not waiting:
                return self.trials
            write_trials(self.where, self.trials)
            for trial in self._trained(waiting[: self._side_by_side]):
                if trial.state == "waiting":
                    trial = self._scored(trial)
                self.trials[trial.number - 1] = trial
                write_trials(self.where, self.trials)
                self._tell(trial)
                self._say(trial)

    def _tell(self, trial: Trial) -> None:
        if trial.state != "waiting":
            done = trial.state == "done"
            self.proposals.tell(trial.number, trial.mean if done else None)

    def _say(self, trial: Trial) -> None:
        if self.quiet:
            return
        said = f"failed: {trial.detail}"
        if trial.state == "done":
            said = f"{self.search.by} {trial.mean:.4g}"
        title = f"{trial.name} of {self.search.trials} ({self.search.shown(trial)})"
        print(f"{title}: {said}", file=sys.stderr, flush=True)

    def _trained(self, trials: Sequence[Trial]) -> list[Trial]:
        """Trials whose runs are at their ends; failed where one is not.

        Raises:
            SaddlepointError: Nothing that another trial would not meet, too.
        """
        from saddlepoint.training import tasks

        pairs: list[tuple[Trial, list[Task]]] = []
        try:
            for trial in trials:
                cell = self.search.cell(trial, self.described)
                pairs.append((trial, tasks_of(cell, self.where, self.at_once)))
            runs = [task for _, group in pairs for task in group]
            tasks.carry_out(runs, self.where, at_once=self.at_once, quiet=self.quiet)
        except RunStopped as error:
            return [self._ended(trial, group, error) for trial, group in pairs]
        except BadInput as error:
            if len(trials) > 1:  # which one it is
                return [each for trial in trials for each in self._trained([trial])]
            if not any(each.state == "done" for each in self.trials):
                raise
            return [trials[0].failed(str(error))]
        return list(trials)

    def _ended(self, trial: Trial, runs: Sequence[Task], error: RunStopped) -> Trial:
        """The trial, failed if one of its runs stopped itself."""
        for run in runs:
            if not run.done:
                why = run.stopped_by
                if not why:
                    raise error
                seed = f"{run.title.rpartition(', ')[2]}: " if len(runs) > 1 else ""
                return trial.failed(f"{seed}{why}")
        return trial

    def _scored(self, trial: Trial) -> Trial:
        from saddlepoint.evaluation.by_seed import score_by_seed

        scoring, first = self.search.scoring, not any(t.state == "done" for t in self.trials)
        try:
            scores = score_by_seed(
                self.where / trial.name,
                self.search.by,
                n=scoring.n,
                features=scoring.features[0],
                quiet=self.quiet,
            )
        except BadInput as error:
            if first:  # most likely the score, the features or the data
                raise
            return trial.failed(str(error))
        return trial.done(scores)

"""What a sweep came to: its comparison, and of a search its trials and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddlepoint.errors import command_line
from saddlepoint.evaluation.layout import Cells, Shown
from saddlepoint.sweeping.cells import Scoring
from saddlepoint.sweeping.trials import Search, Trial

if TYPE_CHECKING:
    from saddlepoint.evaluation.comparison import Comparison

COMPARISON = "comparison"
PAGE = "comparison.md"


@dataclass(frozen=True)
class Sweep(Shown):
    """What a sweep came to.

    Attributes:
        folder: Its folder.
        runs: The run or group of each combination, by name; of a search those that were scored.
        comparison: Which is better, tested over seeds: of a search among the best. None where
            there is only one to look at.
        written: Files of the comparison: JSON, a picture and Markdown.
        trials: Of a search: what was tried, in its order.
        search: What was searched; None of a grid.
    """

    folder: Path
    runs: dict[str, Path]
    comparison: Comparison | None
    written: tuple[Path, ...] = ()
    trials: tuple[Trial, ...] = ()
    search: Search | None = None

    @property
    def best(self) -> Trial | None:
        """Of a search: the trial with the best mean score."""
        if self.search is None:
            return None
        pick = max if self.search.higher else min
        return pick((t for t in self.trials if t.state == "done"), key=lambda trial: trial.mean)

    @property
    def again(self) -> tuple[str, str]:
        """Of a search: the commands that train the best with fresh seeds, and score these."""
        assert self.search is not None
        assert self.best is not None
        run = self.search.start
        fresh = run.seed + run.seeds
        where = self.folder.with_name(f"{self.folder.name}-best")
        words = ("--seed", fresh, "--seeds", max(3, run.seeds), "--out", where)
        train = command_line("train", self.folder / self.best.name, *words)
        return train, command_line("evaluate", where)

    def blocks(self, narrow: bool) -> list[str | Cells]:
        """Of a search the trials and the best; then the comparison."""
        count = f"{len(self.runs)} runs" if self.search is None else f"{len(self.trials)} trials"
        blocks: list[str | Cells] = [f"{self.folder}: {count}", ""]
        if self.search is not None:
            blocks += [trials_table(self.search, self.trials), "", *self._on_the_best(), ""]
        if self.comparison is not None:
            blocks += self.comparison.blocks(narrow)
        return blocks

    def _on_the_best(self) -> list[str]:
        search, best = self.search, self.best
        assert search is not None
        assert best is not None
        number = len(self.trials)
        where = f"{search.by} on the validation split"
        if best.deviation is None:
            spread = (
                f"{where} {best.mean:.4g}, of one seed: how far other seeds of the same values are "
                "off is not known (--seeds 3)."
            )
        else:
            spread = (
                f"{where} {best.mean:.4g} ± {best.deviation:.2g} (mean and deviation over "
                f"{len(best.scores)} seeds)."
            )
        train, score = self.again
        return [
            f"The best of {number} trials is {best.name} ({search.shown(best)}): {spread}",
            f"The best of {number} trials is optimistic: it was chosen for what these very seeds "
            "came to, and so luck is part of its score. Train it with fresh seeds and evaluate "
            "these before you say how good it is:",
            f"  {train}",
            f"  {score}",
        ]


def trials_table(search: Search, trials: Sequence[Trial]) -> Cells:
    """What each trial's values were, and what it came to."""
    arrow = "↑" if search.higher else "↓"
    heads = ["trial", *(each.last for each in search.varied), f"{search.by} {arrow}", "note"]
    rows = []
    for trial in trials:
        pairs = zip(search.varied, trial.values, strict=True)
        score = "–"
        if trial.state == "done":
            score = f"{trial.mean:.4g}"
            score += "" if trial.deviation is None else f" ± {trial.deviation:.2g}"
        shown = [each.shown(value) for each, value in pairs]
        note = f"failed: {trial.detail}" if trial.state == "failed" else ""
        rows.append([str(trial.number), *shown, score, note])
    return Cells(heads, rows)


def compared(
    where: Path,
    names: Sequence[str],
    scoring: Scoring,
    *,
    search: Search | None = None,
    trials: Sequence[Trial] = (),
    quiet: bool,
) -> Sweep:
    """Compare runs of a sweep, and store that as JSON, as a picture and as Markdown."""
    from saddlepoint.evaluation.compare import compare
    from saddlepoint.evaluation.files import write_comparison
    from saddlepoint.outputs import clear_output, write_output

    settings: dict[str, Any] = {
        "n": scoring.n,
        "features": scoring.features,
        "scores": scoring.scores,
    }
    places = [where / name for name in names]
    comparison = compare(places, **settings, quiet=quiet) if len(places) > 1 else None
    clear_output(where / COMPARISON)
    written = [] if comparison is None else write_comparison(comparison, where / COMPARISON)
    written = [*written, where / COMPARISON / PAGE]
    of_search = [trial.name for trial in trials if trial.state == "done"]
    runs = {name: where / name for name in (of_search if search else names)}
    sweep = Sweep(where, runs, comparison, tuple(written), tuple(trials), search)
    page = markdown(sweep.blocks(narrow=False)[2:])  # without the folder, in which it stands
    write_output(where / COMPARISON / PAGE, f"{page}\n".encode())
    return sweep


def markdown(blocks: Sequence[str | Cells]) -> str:
    """Sentences and tables as Markdown."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            code = block.startswith("  ")
            lines += [f"    {block.strip()}" if code else block, ""]
            continue
        rows = [block.heads, ["---"] * len(block.heads), *block.rows]
        lines += [f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines).strip()

"""A grid: every combination of some options' values, trained and compared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from saddlepoint.errors import SaddlepointError
from saddlepoint.sweeping.cells import (
    NAME,
    Cell,
    Scoring,
    another,
    leave_no_trace,
    place_of,
    read_cells,
    same_runs,
    tasks_of,
    write_cells,
)
from saddlepoint.sweeping.swept import Sweep, compared
from saddlepoint.sweeping.trials import read_search


def carry_out(
    cells: Sequence[Cell],
    out: str | Path | None,
    scoring: Scoring,
    *,
    at_once: int = 1,
    quiet: bool = False,
) -> Sweep:
    """Train what is not trained yet, then compare.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    from saddlepoint.training import run_directory

    where = place_of(out, cells[0].run)
    if (where / NAME).is_file():
        stored = [] if read_search(where) else read_cells(where)[0]
        same = [c.name for c in stored] == [c.name for c in cells]
        if not same or not same_runs([c.run for c in stored], [c.run for c in cells], where):
            raise another(where)
        write_cells(where, stored, scoring)
        return resume(where, at_once=at_once, quiet=quiet)
    new = not where.exists()
    run_directory.prepare(where, parts=())
    try:
        data = cells[0].run.data.kept_at(where)
        write_cells(where, [Cell(c.name, c.run.replace(data=data)) for c in cells], scoring)
        return resume(where, at_once=at_once, quiet=quiet)
    except SaddlepointError:
        leave_no_trace(where, new)
        raise


def resume(where: Path, *, at_once: int = 1, quiet: bool = False) -> Sweep:
    """Train what is missing of a grid, then compare.

    Raises:
        SaddlepointError: As of ``sweep``.
    """
    from saddlepoint.training import groups, run_directory, tasks

    groups.check_at_once(at_once)
    cells, scoring = read_cells(where)
    with run_directory.lock(where, parts=()):
        left = [task for cell in cells for task in tasks_of(cell, where, at_once)]
        if not quiet:
            print(f"{len(cells)} combinations, {len(left)} runs: {where}", file=sys.stderr)
        tasks.carry_out(left, where, at_once=at_once, quiet=quiet)
        return compared(where, [cell.name for cell in cells], scoring, quiet=quiet)

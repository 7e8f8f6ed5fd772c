"""``saddlepoint report``: one page about a run."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def report(run: Positional[Path], *, out: Path | None = None, overwrite: bool = False) -> None:
    """Write one self-contained HTML page about a run.

    Args:
        run: The run directory, or that of a group.
        out: The page, for example page.html (by default report.html in the run directory, where
            an earlier report is replaced).
        overwrite: Replace an earlier report at --out; files of yours never are.
    """
    from saddlepoint.report.page import build_report

    print(f"report: {build_report(run, out, overwrite=overwrite)}")

"""``saddlepoint report``: one page about a run."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def report(run: Positional[Path]) -> None:
    """Write one self-contained HTML page about a run.

    Args:
        run: The run directory.
    """
    from saddlepoint.report.page import build_report

    print(f"report: {build_report(run)}")

"""Which run is better: ``saddlepoint compare``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.shared import (
    Drawing,
    DrawingOptions,
    Output,
    OutputOptions,
    Scoring,
    ScoringOptions,
)


def compare(
    runs: Positional[tuple[Path, ...]],
    *,
    out: Path | None = None,
    scoring: Scoring = ScoringOptions(),  # noqa: B008 - frozen
    drawing: Drawing = DrawingOptions(),  # noqa: B008
    output: Output = OutputOptions(),  # noqa: B008
) -> None:
    """Say which of several runs is better, and whether that is about checkpoints or methods.

    Args:
        runs: Run directories or groups on the same data; those that differ in the seed alone are
            one method.
        out: New folder for comparison.json and comparison.png (by default comparison,
            comparison-2 and so on).
        scoring: What is computed.
        drawing: How samples are drawn.
        output: What may be replaced.
    """
    from saddlepoint.outputs import check_output, clear_output, free_path

    arguments = scoring.arguments() | drawing.arguments()
    output.check(out)
    target = out if out is not None else free_path(Path("comparison"))
    check_output(target, overwrite=output.overwrite)
    from saddlepoint.evaluation import files
    from saddlepoint.evaluation.compare import compare as judge

    comparison = judge(runs, **arguments)
    print(comparison)
    clear_output(target)
    written = files.write_comparison(comparison, target)
    print(f"{comparison.seconds:.0f} s; written: {', '.join(map(str, written))}")

"""Is it good: ``saddlepoint evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from saddlepoint.commands.shared import (
    Drawing,
    DrawingOptions,
    Output,
    OutputOptions,
    Scoring,
    ScoringOptions,
)
from saddlepoint.errors import BadInput


def evaluate(
    run: Positional[Path | None] = None,
    *,
    real: str | None = None,
    fake: str | None = None,
    size: tuple[int, ...] = (),
    resize: Literal["crop", "pad", "stretch"] | None = None,
    channels: Literal[1, 2, 3, 4] | None = None,
    value_range: Literal["0..255", "0..1", "-1..1"] | None = None,
    out: Path | None = None,
    scoring: Scoring = ScoringOptions(),  # noqa: B008 - frozen
    drawing: Drawing = DrawingOptions(),  # noqa: B008
    output: Output = OutputOptions(),  # noqa: B008
) -> None:
    """Say whether samples are good: scores with intervals, beside those of real examples.

    Args:
        run: A run directory or a group; its samples are held against the test split of its data.
        real: Instead of a run: real examples (folder, .zip, .npz, .npy, built-in name, run).
        fake: With --real: what to score (the same, or a run, whose samples then count).
        size: With --real: pixels at which folders are compared, one number or height and width.
        resize: With --real: how images of other sizes are brought to it.
        channels: With --real: channels in which folders are compared.
        value_range: With --real: range of the values of floating-point arrays.
        out: New folder for evaluation.json and the pictures (by default a run's evaluations,
            else evaluation, evaluation-2 and so on).
        scoring: What is computed.
        drawing: How samples are drawn.
        output: What may be replaced.
    """
    from saddlepoint.outputs import check_output, clear_output, free_path

    arguments = scoring.arguments() | drawing.arguments()
    if len(size) > 2 or any(side < 8 for side in size):
        raise BadInput(
            f"--size {' '.join(map(str, size))}: give one side or height and width, ≥ 8."
        )
    output.check(out)
    target = out if out is not None or run is not None else free_path(Path("evaluation"))
    if target is not None:
        check_output(target, overwrite=output.overwrite)
    from saddlepoint.evaluation import files
    from saddlepoint.evaluation.evaluate import evaluate as score

    if target is None and run is not None and run.is_dir():
        files.check_run(run)
    evaluation = score(
        run,
        real=real,
        fake=fake,
        size=(size[0], size[-1]) if size else None,
        resize=resize,
        channels=channels,
        value_range=value_range,
        **arguments,
    )
    print(evaluation)
    if target is not None:
        clear_output(target)
        written = files.write_to(evaluation, target)
    else:
        assert run is not None
        written = files.write_beside_run(evaluation, run)
    print(f"{evaluation.seconds:.0f} s; written: {', '.join(map(str, written))}")

"""``saddlepoint sample``: draw from a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, UseAppendAction

from saddlepoint.commands.shared import Drawing, DrawingOptions, Output, OutputOptions
from saddlepoint.errors import BadInput


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    member: int = 0,
    of_class: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    code: UseAppendAction[tuple[str, ...]] = (),
    levels: bool = False,
    out: Path | None = None,
    drawing: Drawing = DrawingOptions(),  # noqa: B008 - frozen
    output: Output = OutputOptions(),  # noqa: B008
) -> None:
    """Draw samples from a trained run.

    Args:
        run: The run directory, or that of a group.
        n: How many.
        member: Which of several seeds that were trained as a group, from 0.
        of_class: Only samples of this class, by its name or number; of a learner that learnt from
            labels.
        code: NAME=VALUE or NAME=FROM..TO of a code that the run was trained with (class=3,
            number-1=-1..1), as often as there are codes; a walk goes along the rows of the grid, a
            second one down.
        levels: Of a pyramid the samples at every level, coarse to fine: in a .png a grid below the
            other, each enlarged to the finest size, in a folder level-0.png, level-1.png, ...
        out: A .png grid, an .npz or .npy array (images: uint8, channels last), or a folder of PNGs.
            By default samples.png, or samples-2.png and so on where that exists.
        drawing: How samples are drawn.
        output: What may be replaced.
    """
    from saddlepoint.outputs import free_path

    target = free_path(Path("samples.png")) if out is None and not output.overwrite else out
    target = (target or Path("samples.png")).expanduser()
    which = drawing.which
    from saddlepoint.exporting import (
        check_form,
        check_levels,
        check_target,
        write_levels,
        write_samples,
    )

    check_target(target, overwrite=output.overwrite)
    from saddlepoint.training.trained import load

    model = load(run, which, device=drawing.device)
    for note in model.notes:
        print(f"{note} Using the checkpoint of step {model.step}.")
    if not levels:
        check_form(target, n, model.data)
    if code and of_class is not None:
        raise BadInput("--class and --code cannot be asked for together: leave one out.")
    if code and levels:
        raise BadInput("--code and --levels cannot be asked for together: leave one out.")
    label = None if of_class is None else model.of_class(of_class, n)
    done = f"{n} samples of {run} (step {model.step}, seed {drawing.seed})"
    if levels:
        first = model.levels(1, drawing.seed, None if label is None else label[:1], member)
        check_levels(target, n, len(first), model.data)
        shown = [each.numpy() for each in model.levels(n, drawing.seed, label, member)]
        write_levels(shown, target, overwrite=output.overwrite)
        print(f"{done} at {len(shown)} levels: {target}")
        return
    columns = None
    if code:
        asked = _asked(code)
        columns = model.columns(n, asked)
        blocks = iter([model.coded(n, asked, drawing.seed, member=member).numpy()])
    else:
        batches = model.batches(n, drawing.seed, label=label, member=member)
        blocks = (batch.numpy() for batch in batches)
    write_samples(
        blocks,
        n,
        target,
        model.data,
        overwrite=output.overwrite,
        quiet=drawing.quiet,
        columns=columns,
    )
    print(f"{done}: {target}")


def _asked(words: tuple[str, ...]) -> dict[str, str]:
    """What is asked of each code."""
    asked: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name or not value:
            raise BadInput(f"--code {word}: write NAME=VALUE or NAME=FROM..TO.")
        if name in asked:
            raise BadInput(f"--code {name} stands there twice: ask for each code once.")
        asked[name] = value
    return asked

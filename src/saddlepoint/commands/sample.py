"""``saddlepoint sample``: draw from a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from saddlepoint.commands.shared import Drawing, DrawingOptions, Output, OutputOptions


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    member: int = 0,
    of_class: Annotated[str | None, tyro.conf.arg(name="class")] = None,
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
        out: A .png grid, an .npz or .npy array (images: uint8, channels last), or a folder of PNGs.
            By default samples.png, or samples-2.png and so on where that exists.
        drawing: How samples are drawn.
        output: What may be replaced.
    """
    from saddlepoint.outputs import free_path

    target = free_path(Path("samples.png")) if out is None and not output.overwrite else out
    target = (target or Path("samples.png")).expanduser()
    which = drawing.which
    from saddlepoint.exporting import check_form, check_target, write_samples

    check_target(target, overwrite=output.overwrite)
    from saddlepoint.training.trained import load

    model = load(run, which, device=drawing.device)
    for note in model.notes:
        print(f"{note} Using the checkpoint of step {model.step}.")
    check_form(target, n, model.data)
    label = None if of_class is None else model.of_class(of_class, n)
    batches = model.batches(n, drawing.seed, label=label, member=member)
    blocks = (batch.numpy() for batch in batches)
    write_samples(blocks, n, target, model.data, overwrite=output.overwrite, quiet=drawing.quiet)
    print(f"{n} samples of {run} (step {model.step}, seed {drawing.seed}): {target}")

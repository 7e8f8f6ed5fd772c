"""``saddlepoint sample``: draw from a trained run."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.program import checkpoint_named


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    seed: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
    checkpoint: str = "auto",
    member: int = 0,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Draw samples from a trained run.

    Args:
        run: The run directory.
        n: How many.
        seed: Seed of the latents; the first m of n samples are those of --n m.
        out: A .png grid, an .npz or .npy array (images: uint8, channels last), or a folder of PNGs.
            By default samples.png, or samples-2.png and so on where that exists.
        overwrite: Replace what this program wrote at --out before; files of yours never are.
        checkpoint: latest, best, a step, or auto: the best if the run names one, else the latest.
        member: Which of several seeds that were trained side by side, from 0.
        device: Where to compute.
        quiet: Show no progress.
    """
    from saddlepoint.outputs import free_path

    target = free_path(Path("samples.png")) if out is None and not overwrite else out
    target = (target or Path("samples.png")).expanduser()
    which = checkpoint_named(checkpoint)
    from saddlepoint.exporting import check_form, check_target, write_samples

    check_target(target, overwrite=overwrite)
    from saddlepoint.training.trained import load

    model = load(run, which, device=device)
    for note in model.notes:
        print(f"{note} Using the checkpoint of step {model.step}.")
    check_form(target, n, model.data)
    batches = model.batches(n, seed, member=member)
    blocks = (batch.numpy() for batch in batches)
    write_samples(blocks, n, target, model.data, overwrite=overwrite, quiet=quiet)
    print(f"{n} samples of {run} (step {model.step}, seed {seed}): {target}")

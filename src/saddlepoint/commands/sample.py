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
    out: Path = Path("samples.png"),
    checkpoint: str = "auto",
    member: int = 0,
    device: str = "auto",
) -> None:
    """Draw samples from a trained run.

    Args:
        run: The run directory.
        n: How many.
        seed: Seed of the latents; the first m of n samples are those of --n m.
        out: A .png grid, an .npz or .npy array (images: uint8, channels last), or a folder of PNGs.
        checkpoint: latest, best, a step, or auto: the best if the run names one, else the latest.
        member: Which of several seeds that were trained side by side, from 0.
        device: Where to compute.
    """
    from saddlepoint.exporting import check_target, write_samples

    check_target(out)
    which = checkpoint_named(checkpoint)
    from saddlepoint.training.trained import load

    model = load(run, which, device=device)
    samples = model.sample(n, seed, member=member).numpy()
    write_samples(samples, out, images=model.data.images)
    print(f"{n} samples of {run} (step {model.step}, seed {seed}): {out}")

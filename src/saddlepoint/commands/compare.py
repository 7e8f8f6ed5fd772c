"""Which run is better: ``saddlepoint compare``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.program import checkpoint_named
from saddlepoint.errors import BadInput


def compare(
    runs: Positional[tuple[Path, ...]],
    *,
    n: int | None = None,
    features: tuple[str, ...] = ("auto",),
    scores: tuple[str, ...] = ("default",),
    checkpoint: str = "auto",
    seed: int = 0,
    data: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Say which of several runs is better, and whether that is about checkpoints or methods.

    Args:
        runs: Run directories on the same data; those that differ in the seed alone are one method.
        n: Real examples and samples of each (by default what there is, at most 10,000).
        features: As for evaluate.
        scores: As for evaluate.
        checkpoint: As for evaluate.
        seed: Seed of the samples.
        data: Where the runs' data are now, if they moved.
        out: New folder for comparison.json and comparison.png (by default comparison,
            comparison-2 and so on).
        overwrite: Replace what this program wrote at --out before; files of yours never are.
        device: Where to draw samples.
        quiet: Show no progress.
    """
    from saddlepoint.features.words import parse_features
    from saddlepoint.outputs import check_output, clear_output, free_path

    for word in features:
        parse_features(word)
    which = checkpoint_named(checkpoint)
    if overwrite and out is None:
        raise BadInput("--overwrite replaces what lies at --out: name that, too.")
    target = out if out is not None else free_path(Path("comparison"))
    check_output(target, overwrite=overwrite)
    from saddlepoint.evaluation import files
    from saddlepoint.evaluation.compare import compare as judge

    comparison = judge(
        runs,
        n=n,
        features=features,
        scores=scores,
        checkpoint=which,
        seed=seed,
        data=data,
        device=device,
        quiet=quiet,
    )
    print(comparison)
    clear_output(target)
    written = files.write_comparison(comparison, target)
    print(f"{comparison.seconds:.0f} s; written: {', '.join(map(str, written))}")

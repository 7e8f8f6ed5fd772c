"""Which run is better: ``saddlepoint compare``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.program import checkpoint_named


def compare(
    runs: Positional[tuple[Path, ...]],
    *,
    n: int | None = None,
    features: tuple[str, ...] = ("auto",),
    scores: tuple[str, ...] = ("default",),
    checkpoint: str = "auto",
    seed: int = 0,
    out: Path = Path("comparison"),
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
        out: Folder for comparison.json and comparison.png.
        device: Where to draw samples.
        quiet: Show no progress.
    """
    from saddlepoint.features.description import parse_features

    for word in features:
        parse_features(word)
    which = checkpoint_named(checkpoint)
    from saddlepoint.evaluation import showing
    from saddlepoint.evaluation.compare import compare as judge

    found = judge(
        runs,
        n=n,
        features=features,
        scores=scores,
        checkpoint=which,
        seed=seed,
        device=device,
        quiet=quiet,
    )
    showing.print_comparison(found)
    written = showing.write_comparison(found, out)
    print(f"{found.seconds:.0f} s; written: {', '.join(map(str, written))}")

"""Is it good: ``saddlepoint evaluate``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from saddlepoint.commands.program import checkpoint_named


def evaluate(
    run: Positional[Path | None] = None,
    *,
    real: str | None = None,
    fake: str | None = None,
    n: int | None = None,
    features: tuple[str, ...] = ("auto",),
    scores: tuple[str, ...] = ("default",),
    checkpoint: str = "auto",
    seed: int = 0,
    out: Path | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Say whether samples are good: scores with intervals, beside those of real examples.

    Args:
        run: A run directory; its samples are held against the test split of its data.
        real: Instead of a run: real examples (folder, .npz or .npy file, built-in name, run).
        fake: With --real: what to score (the same, or a run, whose samples then count).
        n: Real examples and samples (by default what there is, at most 10,000).
        features: auto, pixels, classifier, efficientnet-lite0, inception, a file.onnx or
            package.module:name; one or several.
        scores: default, all or names (a wrong one lists them); one or several.
        checkpoint: latest, best, a step, or auto: the best if the run names one, else the latest.
        seed: Seed of the samples.
        out: Folder for evaluation.json and the pictures (by default the run's, else here).
        device: Where to draw samples.
        quiet: Show no progress.
    """
    from saddlepoint.features.description import parse_features

    for word in features:
        parse_features(word)
    which = checkpoint_named(checkpoint)
    from saddlepoint.evaluation import showing
    from saddlepoint.evaluation.evaluate import evaluate as score

    found = score(
        run,
        real=real,
        fake=fake,
        n=n,
        features=features,
        scores=scores,
        checkpoint=which,
        seed=seed,
        device=device,
        quiet=quiet,
    )
    showing.print_table(found)
    written = showing.write(found, out or run or Path())
    print(f"{found.seconds:.0f} s; written: {', '.join(map(str, written))}")

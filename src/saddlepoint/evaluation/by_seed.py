"""One score of each seed of a run, on the validation split: what a search chooses by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from saddlepoint.errors import BadInput
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.training.trained import load


def score_by_seed(
    run: str | Path,
    score: str,
    *,
    n: int | None = None,
    features: str | Sequence[str] = "auto",
    device: str = "auto",
    quiet: bool = True,
) -> tuple[float, ...]:
    """The score's value of every seed, against the validation split of the run's data.

    Args:
        run: A run directory or a group.
        score: Name of the score.
        n: Real examples and samples, as for ``evaluate``, or what the split has.
        features: The feature space; of several the first.
        device: Where samples are drawn.
        quiet: Show no progress.

    Raises:
        BadInput: No such score, one that does not apply to these data or is not finite, or a
            validation split that is too small.
    """
    words = [features] if isinstance(features, str) else list(features)
    settings = Settings.of(n, words[:1], score, 0, device)
    where = Path(run).expanduser()
    model = load(where, device=device)
    values = []
    with telling(quiet) as tell:
        reference = sides.on_validation(where, n)
        scorer = Scorer(reference, settings, tell)
        for member in range(model.run.seeds):
            name = f"{where.name}, seed {member}" if model.run.seeds > 1 else where.name
            latents = sides.latent_seed(model, 0, member)
            side = sides.drawn(model, name, len(reference.real), latents, member)
            value = scorer.evaluation(side, {}).row(score).figure.estimate.value
            if not math.isfinite(value):
                raise BadInput(f"the score '{score}' of {name} is {value}.")
            values.append(value)
    return tuple(values)

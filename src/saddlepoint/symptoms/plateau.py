"""A validation score that no longer improves (torch-free)."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator

from saddlepoint.scores.declaration import VALIDATING
from saddlepoint.symptoms.symptom import Readings, Sign, symptom

#: Validations without a better one. With fewer, a lucky score of some time ago looks like the end.
PATIENCE = 10
#: The median |difference| of two independent normal numbers, in standard deviations of one.
_MEDIAN = 0.954


@symptom(
    "plateau",
    "the validation score no longer improves",
    sees=("validation/*",),
    rule=f"none of the last {PATIENCE} validation scores is better than the best before by more "
    "than their noise, nor is the median of the later half of them than that of the earlier",
    lasting=3,
    cure="Stop here and take the best checkpoint (--stop-when plateau does both), or lower the "
    "learning rates towards the end; where samples are not good enough yet, more examples or a "
    "larger --width help, more steps do not.",
    paper="Prechelt, Early Stopping - But When?, 1998",
)
def plateau(readings: Readings) -> Iterator[Sign]:
    """With the lowest score l of the last ten, the lowest b before, and the medians m and m' of
    the earlier and the later half of the ten: l ≥ b − σ and m' ≥ m − σ. σ is the noise that the
    differences of successive scores among the last twenty show. The second condition is for scores
    that rose and are falling again, as at the beginning of many games.
    """
    for score in VALIDATING:
        scores = readings.get(f"validation/{score}", ())
        values = [value for _, value in scores]
        best_so_far = [*itertools.accumulate(values, min)]
        for last in range(PATIENCE, len(values)):
            best = best_so_far[last - PATIENCE]
            latest = values[last + 1 - PATIENCE : last + 1]
            lowest, half = min(latest), PATIENCE // 2
            earlier, later = map(statistics.median, (latest[:half], latest[half:]))
            recent = values[max(0, last + 1 - 2 * PATIENCE) : last + 1]
            steps = [abs(b - a) for a, b in itertools.pairwise(recent)]
            noise = statistics.median(steps) / _MEDIAN
            figures = (
                f"the lowest {score} of the last {PATIENCE} validations is {lowest:.4g}, before "
                f"them it was {best:.4g}, and scores vary by {noise:.2g}"
            )
            there = lowest >= best - noise and later >= earlier - noise
            numbers = {"best": best, "lowest": lowest, "noise": noise}
            yield Sign(scores[last][0], there, figures, numbers)

"""The scores of an evaluation: one entry each; tables, options and documentation read them."""

from __future__ import annotations

from collections.abc import Sequence

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.evaluation import of_features, of_samples
from saddlepoint.evaluation.score import Score

SCORES: dict[str, Score] = of_features.SCORES | of_samples.SCORES


def chosen(keys: Sequence[str] | None) -> list[Score]:
    """The scores of these names, ``default`` and ``all`` among them.

    Raises:
        BadInput: No such score.
    """
    found: dict[str, Score] = {}
    for key in keys or ("default",):
        if key == "all":
            found |= SCORES
        elif key == "default":
            found |= {name: score for name, score in SCORES.items() if score.default}
        elif key in SCORES:
            found[key] = SCORES[key]
        else:
            known = ("default", "all", *SCORES)
            raise BadInput(
                f"'{key}' is no score (known: {', '.join(known)}).{did_you_mean(key, known)}"
            )
    return [score for name, score in SCORES.items() if name in found]

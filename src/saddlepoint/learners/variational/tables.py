"""The documentation's table of likelihoods, written from their list (torch-free)."""

from __future__ import annotations

import inspect

from saddlepoint import markdown
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS


def likelihoods() -> str:
    """One row per likelihood."""
    return markdown.table(
        ("`--learner.likelihood`", "log-probability of a value", "what it is", "for"),
        (
            (
                f"`{part.word()}`",
                part.equation,
                inspect.cleandoc(part.__doc__ or "").split("\n\n")[0],
                "images" if part.of_images else "images and vectors",
            )
            for part in LIKELIHOODS
        ),
    )

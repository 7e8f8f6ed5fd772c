"""Data of which a recipe uses a few labels."""

from __future__ import annotations

from saddlepoint.data.describing import describe_data
from saddlepoint.data.source import DataSource, Labelled


def with_labels(data: object, labels: int, in_batch: int) -> DataSource:
    """The data with so many labels, unless they say themselves how many; 0: as they are."""
    source = describe_data(data)
    if not isinstance(source, Labelled):
        return source  # which the learner refuses, or whose labels are all known
    chosen = {"labelled": labels, "labelled_in_batch": in_batch}
    return source.replace(**{k: v for k, v in chosen.items() if v and getattr(source, k) is None})

"""The documentation's table of two-sample tests, written from the registry."""

from __future__ import annotations

from saddlepoint import markdown
from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS


def two_sample_tests() -> str:
    """One row a test."""
    return markdown.table(
        ("`test`", "statistic", "held to, under the null", "sees", "is blind to", "paper"),
        (
            (f"`{test.name}`", test.equation, test.null, test.sees, test.blind, test.paper)
            for test in TWO_SAMPLE_TESTS.values()
        ),
    )

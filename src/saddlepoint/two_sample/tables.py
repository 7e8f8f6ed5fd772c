"""The documentation's table of two-sample tests, written from the registry."""

from __future__ import annotations

from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS


def two_sample_tests() -> str:
    """One row a test."""
    lines = [
        "| `test` | statistic | held to, under the null | sees | is blind to | paper |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for test in TWO_SAMPLE_TESTS.values():
        cells = (test.equation, test.null, test.sees, test.blind, test.paper)
        escaped = (cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| `{test.name}` | {' | '.join(escaped)} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """``text`` with the table of tests written anew."""
    start, end = "<!-- two-sample tests -->", "<!-- end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{two_sample_tests()}\n{end}{after}"

"""What an observation is, and how the looks at pictures are worded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Observation:
    """One thing that was seen in the data.

    Attributes:
        name: What was looked for, one word or two.
        sentence: What was seen, with figures and at most three files.
        option: What changes something about it, options of the command line where there are any.
        figures: The numbers behind the sentence, by their names, for whoever decides by them.
    """

    name: str
    sentence: str
    option: str = ""
    figures: dict[str, float] | None = None

    def __str__(self) -> str:
        """One line: the sentence, then the option."""
        return f"{self.sentence} {self.option}".rstrip()


def percent(share: float) -> str:
    """A share in per cent, one digit below ten."""
    value = 100 * share
    if 0 < value < 0.1:
        return "less than 0.1 %"
    return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"


def files(named: str) -> str:
    """Names of files as the end of a clause; "" where there are none."""
    return f" ({named})" if named else ""

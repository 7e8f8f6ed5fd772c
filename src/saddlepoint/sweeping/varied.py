"""What a sweep varies: an option with its values, or with a range of numbers (torch-free)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saddlepoint.errors import BadInput

#: Options that a sweep cannot vary, with what to do instead.
FIXED = {
    "seed": "--seeds trains several",
    "seeds": "--seeds says how many for all of them",
    "data": "scores on different data have no common scale",
    "out": "every run has a folder of its own below --out",
}
DECADE = 10.0
_RANGE = re.compile(r"(?:(log|linear):)?([^:,/]*?)\.\.([^:,/]*)")
_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)


@dataclass(frozen=True)
class Range:
    """All numbers between two, both included.

    Attributes:
        low: The smallest.
        high: The largest.
        log: Whether they are searched on a logarithmic scale.
        whole: Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool
    whole: bool

    @classmethod
    def parse(cls, text: str) -> Range | None:
        """``1e-5..1e-3``, ``log:2..64`` or ``linear:0.0..20.0``; None if it is no range.

        Two bounds written as whole numbers make a range of whole numbers. Without a word before
        it, the scale is logarithmic where the bounds are positive and more than a decade apart.

        Raises:
            BadInput: Its bounds are no numbers, or not in order, or cannot be searched so.
        """
        match = _RANGE.fullmatch(text)
        if match is None:
            return None
        scale, *bounds = match.groups()
        try:
            low, high = map(float, bounds)
        except ValueError:
            raise BadInput(
                f"the range '{text}' has bounds that are no numbers: write it as in 1e-5..1e-3."
            ) from None
        if not (math.isfinite(low) and math.isfinite(high)) or not low < high:
            raise BadInput(f"the range '{text}': the first number is to be the smaller one.")
        if scale == "log" and low <= 0:
            raise BadInput(f"the range '{text}' has no logarithms: begin above 0.")
        whole = all(_WHOLE.fullmatch(bound) for bound in bounds)
        decades = low > 0 and high / low > DECADE
        return cls(low, high, scale == "log" or (scale is None and decades), whole)

    @property
    def ends(self) -> tuple[str, str]:
        """Both bounds as words."""
        return self.word(self.low), self.word(self.high)

    def word(self, value: float) -> str:
        """A number of the range as it is written, to the last bit."""
        return str(int(value)) if self.whole else repr(float(value))


@dataclass(frozen=True)
class Varied:
    """One option of a sweep.

    Attributes:
        option: Its name, without dashes in front.
        values: What it takes in turn, each as the words that would follow it; empty of a range.
        range: The numbers that it may be, instead.
    """

    option: str
    values: tuple[tuple[str, ...], ...] = ()
    range: Range | None = None

    @classmethod
    def parse(cls, text: str) -> Varied:
        """``learner.cost=game,unrolled``; the members of a list are joined by ``+``.

        A range is written ``learner.critic-steps=1..5``, see ``Range.parse``.

        Raises:
            BadInput: It has no values, or is an option that cannot be varied.
        """
        option, _, listed = text.partition("=")
        return cls.of(option, listed)

    @classmethod
    def of(cls, option: str, values: str | Sequence[Any]) -> Varied:
        """The option with its values.

        Args:
            option: Its place in the description, with ``_`` or ``-`` between words.
            values: Each a number, a word or several words; or the text that would stand behind
                ``=`` on the command line.

        Raises:
            BadInput: It has no values, the same one twice, or cannot be varied.
        """
        name = option.removeprefix("--").replace("_", "-")
        if name.partition(".")[0] in FIXED:
            raise BadInput(f"--vary {name}: {FIXED[name.partition('.')[0]]}.")
        if isinstance(values, str):
            try:
                numbers = Range.parse(values)
            except BadInput as error:
                raise BadInput(f"--vary {name}: {error}") from None
            if numbers is not None and name:
                return cls(name, range=numbers)
            values = [value.split("+") for value in values.split(",")] if values else []
        words = tuple(_words(value) for value in values)
        if not name or len(words) < 2 or not all(all(each) for each in words):
            raise BadInput(
                f"--vary {option}: name an option and two values or more, as in "
                "--vary learner.cost=game,unrolled, or a range, as in 1e-5..1e-3."
            )
        if len(set(words)) < len(words):
            raise BadInput(f"--vary {option}: a value stands there twice.")
        return cls(name, words)

    @property
    def last(self) -> str:
        """The last word of its name, which stands in folders' names and in tables."""
        return self.option.split(".")[-1]

    def as_words(self, value: Sequence[str]) -> list[str]:
        """The option and a value of it as words of the command line."""
        return [f"--{self.option}", *value]

    def shown(self, value: Sequence[str]) -> str:
        """A value as a folder's name and a table show it: a number of a range by three figures."""
        if self.range is None:
            return "+".join(value)
        return value[0] if self.range.whole else f"{float(value[0]):.3g}"

    def written(self) -> str:
        """What stands behind ``--vary``."""
        if self.range is None:
            return f"{self.option}={','.join('+'.join(value) for value in self.values)}"
        scale = "log" if self.range.log else "linear"
        return f"{self.option}={scale}:{'..'.join(self.range.ends)}"


def check_varied(varied: Sequence[Varied]) -> None:
    """Refuse a sweep of nothing, or of one option twice.

    Raises:
        BadInput: It is.
    """
    if not varied:
        raise BadInput("name what varies, as in --vary learner.cost=game,unrolled.")
    if len({each.option for each in varied}) < len(varied):
        raise BadInput("--vary: an option is named twice: list all its values behind one.")


def named(pairs: Sequence[tuple[Varied, Sequence[str]]]) -> str:
    """The name of a combination, which is its folder's."""
    name = ",".join(f"{each.last}={each.shown(value)}" for each, value in pairs)
    return re.sub(r"[^\w.,=+-]+", "_", name)


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    return (str(value),)

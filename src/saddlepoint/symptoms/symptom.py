"""What a symptom is: pure functions of what a run has recorded, and their list (torch-free).

A symptom looks at readings, the recorded values of some scalars by step, and says of each step
whether its sign is there. One reading says little, since all of them are noisy: the symptom holds
from the reading that ends ``lasting`` successive ones with the sign, until as many in a row are
without it. So it is said once for each time that it comes, and everybody who reads the same record
finds the same: the training, the report, a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

#: For each scalar (step, value) by rising step; values that were not finite are left out.
Readings = Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Sign:
    """Whether the sign of a symptom is there at a step.

    Attributes:
        step: The step.
        there: Whether it is.
        figures: What was seen, in words with numbers.
        values: The numbers by name.
    """

    step: int
    there: bool
    figures: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """A symptom that holds, or held.

    Attributes:
        symptom: Its name.
        since: The step of the first of the readings with its sign.
        step: The step at which it began to hold: here it is said.
        figures: What was seen then, in words with numbers.
        values: The numbers by name.
        until: The step at which it had gone away; None if it has not.
    """

    symptom: str
    since: int
    step: int
    figures: str
    values: Mapping[str, float]
    until: int | None = None


@dataclass(frozen=True)
class Symptom:
    """A trouble of a training that its record shows.

    Attributes:
        name: One word or two with a hyphen.
        title: What is wrong, in a few words.
        sees: The scalars that it reads, as patterns; where one is not recorded it says nothing.
        rule: In words with numbers, when its sign is there.
        lasting: Successive readings with the sign before it holds, or without before it is gone.
        cure: What to do, with the options.
        paper: Where the trouble is described.
        signs: The rule: readings to signs, by rising step.
    """

    name: str
    title: str
    sees: tuple[str, ...]
    rule: str
    lasting: int
    cure: str
    paper: str
    signs: Callable[[Readings], Iterable[Sign]]

    def episodes(self, readings: Readings) -> list[Evidence]:
        """Every time that it began to hold, by rising step."""
        found: list[Evidence] = []
        holds, run = False, list[Sign]()  # the successive signs that contradict what holds
        for sign in self.signs(readings):
            run = [*run, sign] if sign.there != holds else []
            if len(run) < self.lasting:
                continue
            holds, first, last, run = not holds, run[0], sign, []
            if holds:
                found.append(Evidence(self.name, first.step, last.step, last.figures, last.values))
            else:
                found[-1] = replace(found[-1], until=last.step)
        return found

    def holds(self, readings: Readings) -> Evidence | None:
        """The evidence that it holds after the last of the readings; None if it does not."""
        episodes = self.episodes(readings)
        return episodes[-1] if episodes and episodes[-1].until is None else None

    def sentence(self, evidence: Evidence, whose: str = "") -> str:
        """What is said of it: figures, since when, what to do.

        Args:
            evidence: Of it.
            whose: Of which of several seeds it is, in words.
        """
        of = f" ({whose})" if whose else ""
        return (
            f"{self.title}{of}, steps {evidence.since:,} to {evidence.step:,}: "
            f"{evidence.figures}. {self.cure}"
        )


#: By name, in the order in which they are said and listed.
SYMPTOMS: dict[str, Symptom] = {}


def symptom(
    name: str,
    title: str,
    *,
    sees: tuple[str, ...],
    rule: str,
    lasting: int,
    cure: str,
    paper: str,
) -> Callable[[Callable[[Readings], Iterable[Sign]]], Callable[[Readings], Iterable[Sign]]]:
    """Enter a function from readings to signs into the list; the arguments are ``Symptom``'s."""

    def enter(signs: Callable[[Readings], Iterable[Sign]]) -> Callable[[Readings], Iterable[Sign]]:
        SYMPTOMS[name] = Symptom(name, title, sees, rule, lasting, cure, paper, signs)
        return signs

    return enter


def together(readings: Readings, *names: str) -> list[tuple[int, tuple[float, ...]]]:
    """The steps at which all of some scalars were read, with their values in this order."""
    each = [dict(readings.get(name, ())) for name in names]
    return [
        (step, tuple(values[step] for values in each))
        for step in each[0]
        if all(step in values for values in each)
    ]


def seen(symptom: Symptom, readings: Readings) -> bool:
    """Whether all that it needs is recorded, so that its silence means something."""
    return all(any(fnmatchcase(name, each) for name in readings) for each in symptom.sees)

"""All symptoms, and what a record shows of them (torch-free)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saddlepoint.symptoms import plateau, samples, saturation  # noqa: F401 - they enter the list
from saddlepoint.symptoms.symptom import SYMPTOMS, Evidence, Readings

__all__ = ["SYMPTOMS", "Finding", "findings"]


@dataclass(frozen=True)
class Finding:
    """A symptom that began to hold at a step, in a run or in some of its seeds.

    Attributes:
        evidence: Of the first of the seeds.
        members: Their places; empty for a run of a single seed.
    """

    evidence: Evidence
    members: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """What is said of it."""
        each = ", ".join(map(str, self.members))
        whose = f"member{'s' * (len(self.members) > 1)} {each}" if self.members else ""
        return SYMPTOMS[self.evidence.symptom].sentence(self.evidence, whose)


def findings(readings: Sequence[Readings]) -> list[Finding]:
    """Every time that a symptom began to hold, by step; what begins together is said together.

    Args:
        readings: Those of the run, or of each of its members.
    """
    found: dict[tuple[int, str], list[tuple[int, Evidence]]] = {}
    for member, each in enumerate(readings):
        for name, symptom in SYMPTOMS.items():
            for evidence in symptom.episodes(each):
                found.setdefault((evidence.step, name), []).append((member, evidence))
    order = list(SYMPTOMS)
    return [
        Finding(group[0][1], tuple(member for member, _ in group) if len(readings) > 1 else ())
        for (_, _), group in sorted(
            found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))
        )
    ]

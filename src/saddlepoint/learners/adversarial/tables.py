"""The documentation's tables of games, written from the registries (torch-free)."""

from __future__ import annotations

import inspect

from saddlepoint import markdown
from saddlepoint.description import Part
from saddlepoint.games.constraints import CONSTRAINTS
from saddlepoint.games.dynamics import DYNAMICS
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.games.regularisers import REGULARISERS
from saddlepoint.learners.adversarial.auxiliaries import AUXILIARIES
from saddlepoint.learners.adversarial.conditioning import CONDITIONINGS
from saddlepoint.learners.adversarial.costs import COSTS
from saddlepoint.learners.adversarial.lenses import LENSES


def _code(name: str) -> str:
    return f"`{name}`"


def _words(part: type[Part]) -> str:
    """The words that choose a part: its kind, then its presets."""
    return ", ".join(map(_code, (part.word(), *part.presets)))


def _first(thing: object) -> str:
    """The first paragraph of a docstring."""
    return inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0]


def objectives() -> str:
    """One row per objective."""
    head = ("`--learner.objective`", "costs", "the generator's gradient descends", "use", "paper")
    return markdown.table(
        head,
        ((_code(o.name), o.equation, o.descends, o.use_when, o.paper) for o in OBJECTIVES.values()),
    )


def regularisers() -> str:
    """One row per penalty."""
    rows = ((_words(r), r.equation, r.cures, _first(r), r.paper) for r in REGULARISERS)
    return markdown.table(
        ("`--learner.critic-regularisers`", "penalty", "cures", "what it is", "paper"), rows
    )


def constraints() -> str:
    """One row per constraint."""
    rows = ((_words(c), c.equation, c.cures, c.paper) for c in CONSTRAINTS)
    return markdown.table(("`--learner.constraints`", "constraint", "cures", "paper"), rows)


def costs() -> str:
    """One row per cost of the generator."""
    rows = ((_words(c), c.equation, c.cures, c.paper) for c in COSTS)
    return markdown.table(("`--learner.cost`", "cost", "cures", "paper"), rows)


def lenses() -> str:
    """One row per lens."""
    rows = ((_words(e), e.equation, _first(e), e.cures, e.paper) for e in LENSES)
    return markdown.table(
        ("`--learner.lenses`", "what is seen", "what it is", "cures", "paper"), rows
    )


def auxiliaries() -> str:
    """One row per auxiliary term."""
    rows = ((_words(a), a.equation, _first(a), a.cures, a.paper) for a in AUXILIARIES)
    return markdown.table(("`--learner.auxiliaries`", "term", "what it is", "cures", "paper"), rows)


def conditionings() -> str:
    """One row per way in which players learn of classes."""
    rows = ((_words(c), c.equation, _first(c), c.cures, c.paper) for c in CONDITIONINGS)
    return markdown.table(("`--learner.classes`", "game", "what it is", "cures", "paper"), rows)


def dynamics() -> str:
    """One row per dynamics."""
    rows = ((_words(d), d.equation, d.cures, d.on_xy, d.paper) for d in DYNAMICS)
    head = ("`--dynamics`", "step", "cures", "modulus of a step on min max xy", "paper")
    return markdown.table(head, rows)

"""A critic that tells everything apart, and a generator that learns nothing of it (torch-free)."""

from __future__ import annotations

from collections.abc import Iterator

from saddlepoint.symptoms.symptom import Readings, Sign, symptom, together

#: Share of pairs that a saturated critic puts in order. At 0.99 a fake passes for a real example
#: once in a hundred; critics of healthy games come near it, so that it proves nothing by itself.
APART = 0.99
#: Share of its highest norm that is left of the generator's gradient. Norms of healthy games
#: wander by factors of ten; where D(G(z)) goes from 1/2 to 1/200, minimax is left with a hundredth.
LEFT = 0.01
AUC, GRADIENT = "critic{}/auc", "gradient_norm/generator{}"


@symptom(
    "saturated-critic",
    "critic saturated and generator without gradient",
    sees=("critic*/auc", "gradient_norm/generator*"),
    rule=f"critic/auc is at least {APART:g} and the generator's gradient norm at most {LEFT:g} of "
    "its highest",
    lasting=3,
    cure="Give the generator a cost that keeps its gradient (--learner.objective non_saturating or "
    "relativistic), or hold the critic back: --learner.critic-regularisers r1, a lower "
    "--learner.critic-optimiser.learning-rate, fewer --learner.critic-steps.",
    paper="Arjovsky and Bottou, Towards Principled Methods for Training GANs, 2017",
)
def saturated_critic(readings: Readings) -> Iterator[Sign]:
    """AUC = P(s(x) > s(G(z))) does not depend on the game or on the scores' scale, nor does a share
    of a norm. Games of Lipschitz critics record no AUC: theirs may tell all apart and still teach.

    Of several levels the first in trouble counts.
    """
    start, end = AUC.split("{}")
    levels = [
        name.removeprefix(start).removesuffix(end)
        for name in readings
        if name.startswith(start) and name.endswith(end)
    ]
    signs: dict[int, Sign] = {}
    for level in levels:
        highest = 0.0
        for step, (auc, norm) in together(readings, AUC.format(level), GRADIENT.format(level)):
            highest = max(highest, norm)
            there = auc >= APART and norm <= LEFT * highest
            if step in signs and (signs[step].there or not there):
                continue
            which = f"the critic{level} puts {100 * auc:.1f} % of pairs of a real and a generated "
            figures = (
                f"{which}example in order, and the generator's gradient norm is {norm:.2g}, "
                f"{norm / highest if highest else 0:.2g} of its highest"
            )
            signs[step] = Sign(step, there, figures, {"auc": auc, "norm": norm, "highest": highest})
    yield from (signs[step] for step in sorted(signs))

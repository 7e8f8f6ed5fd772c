"""Samples that are all alike, and samples that are training examples (torch-free)."""

from __future__ import annotations

from collections.abc import Iterator

from saddlepoint.symptoms.symptom import Readings, Sign, symptom, together

DIVERSITY, SPREAD = "watch/diversity", "watch/spread"
NEAR, CONTROL = "watch/near_training", "watch/near_held_out"

#: Diversity below which it has collapsed. A generator that keeps m of k equal modes has m/k: two of
#: eight have 0.25, two of ten 0.2. Smooth samples look alike, too; what is healthy stays above.
#: Spread below it is a single place, where distances within no longer count.
COLLAPSED = 0.3
#: A generator begins with samples that are all alike. While their spread has grown by a fifth since
#: so many readings ago, it is on its way.
GROWTH, BACK = 1.2, 5
#: Share of samples near training examples from which they are copies, and how much larger than that
#: of held-out examples it must be. Fresh examples have a hundredth or two.
COPIES, TIMES = 0.2, 4.0


@symptom(
    "collapsed-diversity",
    "diversity collapsed",
    sees=(DIVERSITY, SPREAD),
    rule=f"{DIVERSITY} or {SPREAD} is at most {COLLAPSED:g}, and {SPREAD} at most {GROWTH:g} times "
    f"what it was {BACK} readings before",
    lasting=3,
    cure="Let the critic see several samples at once (--learner.lenses pack, or "
    "--learner.critic.minibatch std), hold it with --learner.critic-regularisers r1 r2 and "
    "--learner.objective relativistic, or lower both learning rates; an earlier checkpoint may be "
    "better.",
    paper="Arora, Risteski and Zhang, Do GANs learn the distribution?, 2018; Salimans et al. 2016",
)
def collapsed_diversity(readings: Readings) -> Iterator[Sign]:
    """Pairs are alike that are as close as the closest 5 % of real pairs."""
    both = together(readings, DIVERSITY, SPREAD)
    for place, (step, (diversity, spread)) in enumerate(both):
        settled = place >= BACK and spread <= GROWTH * both[place - BACK][1][1]
        figures = f"the mean distance of two samples is {spread:.2g} of that of two real examples"
        if diversity <= COLLAPSED:
            often = 1 / max(diversity, 1e-6)
            figures = f"two samples look alike {often:.3g} times as often as they should, {figures}"
        values = {"diversity": diversity, "spread": spread}
        yield Sign(step, settled and min(diversity, spread) <= COLLAPSED, figures, values)


@symptom(
    "near-training",
    "samples near training examples",
    sees=(NEAR, CONTROL),
    rule=f"{NEAR} is at least {COPIES:g}, and {TIMES:g} times the share of held-out examples or, "
    "of data that repeat themselves, half-way from it to 1",
    lasting=3,
    cure="Give it more examples, let the critic see them changed (--learner.lenses "
    "adaptive_augment), use a smaller --width, or take an earlier checkpoint; `saddlepoint "
    "evaluate` shows the pairs.",
    paper="Meehan, Chaudhuri and Dasgupta, A Non-Parametric Test to Detect Data-Copying, 2020",
)
def near_training(readings: Readings) -> Iterator[Sign]:
    """Near is half as far as the closest 5 % of some held-out examples; the rest are a control."""
    for step, (near, control) in together(readings, NEAR, CONTROL):
        there = near >= max(COPIES, min(TIMES * control, (1 + control) / 2))
        figures = (
            f"{100 * near:.0f} % of samples lie nearer to a training example than held-out ones "
            f"do, of which {100 * control:.1f} % lie so near"
        )
        yield Sign(step, there, figures, {"near": near, "control": control})

"""A covering array of strength two: few runs in which every pair of parts meets once.

All combinations would be millions; nearly every mistake of combining shows in a pair already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from kit.parts import BASE, LISTS, OBJECTIVES, OF_IMAGES, TINY, changed, has
from saddlepoint.data.published import Digits
from saddlepoint.data.toys import Ring, Toy
from saddlepoint.run.description import Run

Row = dict[str, str]  # a word for each factor
Changes = Mapping[str, Any]  # values by their path in the run


def kinds(name: str, *paths: str) -> dict[str, Changes]:
    """Every kind of a list, in fields of the run."""
    words = [part.word() for part in LISTS[name]]
    return {word: dict.fromkeys(paths, TINY[name, word]) for word in words}


def some(name: str, words: str, *paths: str) -> dict[str, Changes]:
    """Some of the kinds of a list, in fields of the run."""
    return {word: dict.fromkeys(paths, TINY[name, word]) for word in words.split()}


def or_none(values: dict[str, Changes]) -> dict[str, Changes]:
    """The values, and nothing of them."""
    return {"none": {}, **values}


def _auxiliaries(words: str, path: str) -> dict[str, Changes]:
    """Auxiliaries of a critic, that of its maps among them, and none."""
    maps = TINY["auxiliaries", "self_reconstruction"].replace(of="maps", hidden=256, width=4)
    return or_none({**some("auxiliaries", words, path), "maps": {path: maps}})


SEEDS: dict[str, Changes] = {"one": {}, "two": {"seeds": 2}}
# Data of which some labels are known, all of them or none.
LABELS: dict[str, dict[str, Any]] = {
    "composed": {"data": Digits(limit=200, labelled=20, labelled_in_batch=2)},
    "by chance": {"data": Digits(limit=200, labelled=100)},
    "all": {"data": Digits(limit=200)},
    "points": {"data": Ring(examples=200, labelled=16, labelled_in_batch=2)},
}
# Factors are applied in this order, and the first value of each is the plainest.
FACTORS: dict[str, dict[str, dict[str, Changes]]] = {
    "adversarial": {
        "data": kinds("sources", "data"),
        "generator": kinds("networks", "learner.generator"),
        "critic": kinds("networks", "learner.critic"),
        "optimiser": kinds("optimisers", "learner.generator_optimiser", "learner.critic_optimiser"),
        "rate": or_none(kinds("schedules", "learner.critic_optimiser.learning_rate")),
        "regulariser": or_none(kinds("regularisers", "learner.critic_regularisers.0")),
        "constraint": or_none(kinds("constraints", "learner.constraints.0")),
        "technique": {
            "none": {},
            "smoothing": {"learner.real_target": 0.9},
            "standardised": {"learner.standardise": True},
            "repeats": {"learner.critic_steps": 2},
            "minibatch": {"learner.critic.minibatch": "std"},
        },
        "objective": {name: {"learner.objective": name} for name in OBJECTIVES},
        "prior": kinds("priors", "learner.prior"),
        "lens": or_none(kinds("lenses", "learner.lenses.0")),
        "cost": kinds("costs", "learner.cost"),
        "classes": kinds("conditionings", "learner.classes"),
        "auxiliary": _auxiliaries(
            " ".join(part.word() for part in LISTS["auxiliaries"]), "learner.auxiliaries.0"
        ),
        "dynamics": kinds("dynamics", "training.dynamics"),
        "seeds": SEEDS,
    },
    "laplacian": {
        "data": some("sources", "digits mnist cifar10 folder", "data"),
        "innermost": some("networks", "mlp refiner", "learner.innermost.generator"),
        "critic": kinds("networks", "learner.refinement.critic"),
        "order": {"together": {}, "stages": {"learner.together": False}},
        "optimiser": kinds(
            "optimisers",
            "learner.refinement.generator_optimiser",
            "learner.refinement.critic_optimiser",
        ),
        "regulariser": or_none(kinds("regularisers", "learner.refinement.critic_regularisers.0")),
        "constraint": or_none(kinds("constraints", "learner.refinement.constraints.0")),
        "technique": {
            "none": {},
            "repeats": {"learner.refinement.critic_steps": 2},
            "batches": {"learner.refinement.generator_batch": 2},
            "minibatch": {"learner.refinement.critic.minibatch": "std"},
        },
        "objective": {
            name: {"learner.refinement.objective": name}
            for name in ("non_saturating", "hinge", "relativistic", "wasserstein")
        },
        "prior": some("priors", "uniform normal", "learner.refinement.prior"),
        "lens": or_none(kinds("lenses", "learner.refinement.lenses.0")),
        "cost": kinds("costs", "learner.refinement.cost"),
        "auxiliary": _auxiliaries(
            "latent_regression self_reconstruction", "learner.refinement.auxiliaries.0"
        ),
        "dynamics": kinds("dynamics", "training.dynamics"),
        "seeds": SEEDS,
    },
    "m2": {
        "labels": LABELS,
        "classifier": kinds("networks", "learner.classifier"),
        "encoder": kinds("networks", "learner.encoder"),
        "decoder": kinds("networks", "learner.decoder"),
        "likelihood": {word: {"learner.likelihood": word} for word in ("gaussian", "bernoulli")},
        "weights": {
            "plain": {},
            "prior": {"learner.weight_prior": 1.0, "learner.initial_deviation": 0.1},
            "frequencies": {"learner.class_prior": "frequencies"},
        },
        "optimiser": kinds("optimisers", "learner.optimiser"),
        "rate": or_none(kinds("schedules", "learner.optimiser.learning_rate")),
        "alpha": or_none(kinds("schedules", "learner.classifier_weight")),
        "dynamics": kinds("dynamics", "training.dynamics"),
        "seeds": SEEDS,
    },
    "m1_m2": {
        "labels": LABELS,
        "classifier": some("networks", "mlp", "learner.classifier"),
        "encoder": kinds("networks", "learner.features_encoder"),
        "decoder": kinds("networks", "learner.features_decoder"),
        "likelihood": {word: {"learner.likelihood": word} for word in ("gaussian", "bernoulli")},
        "optimiser": kinds("optimisers", "learner.optimiser", "learner.features_optimiser"),
        "dynamics": kinds("dynamics", "training.dynamics"),
        "seeds": SEEDS,
    },
    "variational": {
        "data": kinds("sources", "data"),
        "encoder": kinds("networks", "learner.encoder"),
        "decoder": kinds("networks", "learner.decoder"),
        "likelihood": kinds("likelihoods", "learner.likelihood"),
        "bound": {
            "elbo": {},
            "free bits": {"learner.free_bits": 0.1},
            "weighted": {"learner.samples": 2},
            "missing": {"learner.missing": 0.3},
        },
        "optimiser": kinds("optimisers", "learner.optimiser"),
        "rate": or_none(kinds("schedules", "learner.optimiser.learning_rate")),
        "beta": or_none(kinds("schedules", "learner.beta")),
        "dynamics": kinds("dynamics", "training.dynamics"),
        "seeds": SEEDS,
    },
}


@dataclass(frozen=True)
class Refusal:
    """Values that cannot stand together, and the words that say so."""

    family: str
    words: str
    values: Mapping[str, frozenset[str]]

    def __str__(self) -> str:
        values = (f"{name} {'|'.join(sorted(those))}" for name, those in self.values.items())
        return f"{self.family}: {self.words}: {', '.join(values)}"

    def fits(self, row: Row) -> bool:
        """Whether a row, perhaps unfinished, has them all."""
        return all(row.get(factor) in values for factor, values in self.values.items())


def _refused(family: str, words: str, **values: str) -> Refusal:
    return Refusal(family, words, {name: frozenset(v.split()) for name, v in values.items()})


def _words(name: str, holds: Callable[[Any], bool]) -> str:
    """The kinds of a list whose tiny instances are so."""
    return " ".join(part.word() for part in LISTS[name] if holds(TINY[name, part.word()]))


_VECTORS = _words("sources", lambda source: isinstance(source, Toy))
_OF_IMAGES = _words("networks", lambda network: "vectors" not in network.takes)
_APART = _words("networks", lambda network: not network.stacks_members)
_MIXING = _words("networks", lambda network: getattr(network, "norm", "none") == "batch")
_OF_IMAGES_ALONE = " ".join(sorted({*_OF_IMAGES.split()} - {*_MIXING.split()}))
_WITHOUT_MAPS = _words("networks", lambda network: "vectors" in network.takes)
_READERS = _words("auxiliaries", lambda part: part.reads_codes)
_NO_CODES = _words("priors", lambda prior: not prior.codes)
_OF_PIXELS = _words("likelihoods", lambda likelihood: likelihood.of_images)
_SCHEDULES = _words("schedules", lambda schedule: True)
_CLASSES = _words("conditionings", lambda told: told.uses_classes)
_WITHOUT_LABELS = "folder swiss-roll"
_BY_DIRECTION = "spectral_norm weight_norm"
_CONVOLUTIONS = "needs images"
_ONE_PROGRAM_EACH = "several seeds in one program are not for pyramids"
_ONE_PROGRAM = "several seeds in one program need fully connected networks"
_EXAMPLES = "a gradient penalty needs each example's own gradient"
_BERNOULLI_POINTS = {"labels": "points", "likelihood": "bernoulli"}
_NO_LABELS = " ".join(set(OBJECTIVES) - {"minimax", "non_saturating", "maximum_likelihood"})
REFUSALS = [
    _refused("adversarial", _CONVOLUTIONS, data=_VECTORS, generator=_OF_IMAGES),
    _refused("adversarial", _CONVOLUTIONS, data=_VECTORS, critic=_OF_IMAGES),
    _refused("adversarial", "changes images", data=_VECTORS, lens=" ".join(OF_IMAGES)),
    _refused("adversarial", "goes by the critic of one seed", lens="adaptive_augment", seeds="two"),
    _refused("adversarial", _ONE_PROGRAM, generator=_APART, seeds="two"),
    _refused("adversarial", _ONE_PROGRAM, critic=_APART, seeds="two"),
    _refused("adversarial", "needs feature maps", critic=_WITHOUT_MAPS, auxiliary="maps"),
    _refused("adversarial", "no labels to smooth", objective=_NO_LABELS, technique="smoothing"),
    _refused(
        "adversarial",
        "has no optimum unless the critic's slope is bounded",
        objective="wasserstein",
        regulariser="none drift centring historical_averaging",
        constraint="none",
        technique="none standardised repeats minibatch",  # smoothing is refused before
    ),
    _refused("adversarial", "reads codes, and the prior", auxiliary=_READERS, prior=_NO_CODES),
    _refused(
        "adversarial",
        "reads the codes of one example",
        auxiliary=_READERS,
        lens="pack",
        prior=_words("priors", lambda prior: bool(prior.codes)),
    ),
    _refused("adversarial", _EXAMPLES, regulariser="gradient_penalty", critic=_MIXING),
    _refused("adversarial", _EXAMPLES, regulariser="gradient_penalty", technique="minibatch"),
    _refused("adversarial", "starts with zero weights", critic="r3", constraint=_BY_DIRECTION),
    _refused("adversarial", "is for one seed", constraint="weight_norm", seeds="two"),
    _refused(
        "adversarial",
        "several seeds in one program are not for games with classes",
        classes=_CLASSES,
        seeds="two",
    ),
    _refused("adversarial", "a pack of examples has no one class", classes=_CLASSES, lens="pack"),
    _refused("adversarial", "has no labels", classes=_CLASSES, data=_WITHOUT_LABELS),
    _refused(
        "adversarial",
        "only alternating dynamics can do",
        technique="repeats",
        dynamics=_words("dynamics", lambda dynamics: not dynamics.alternates),
    ),
    _refused("laplacian", _ONE_PROGRAM_EACH, seeds="two"),
    _refused(
        "laplacian",
        "has no optimum unless the critic's slope is bounded",
        objective="wasserstein",
        regulariser="none drift centring historical_averaging",
        constraint="none",
    ),
    _refused("laplacian", "needs feature maps", critic=_WITHOUT_MAPS, auxiliary="maps"),
    _refused("laplacian", _EXAMPLES, regulariser="gradient_penalty", critic=_MIXING),
    _refused("laplacian", _EXAMPLES, regulariser="gradient_penalty", technique="minibatch"),
    _refused("laplacian", "starts with zero weights", critic="r3", constraint=_BY_DIRECTION),
    _refused("laplacian", "have no partners", technique="batches", objective="relativistic"),
    _refused(
        "laplacian", "have no partners", technique="batches", cost="feature_matching unrolled"
    ),
    _refused(
        "laplacian",
        "only alternating dynamics can do",
        technique="repeats",
        dynamics=_words("dynamics", lambda dynamics: not dynamics.alternates),
    ),
    _refused("variational", _CONVOLUTIONS, data=_VECTORS, encoder=_OF_IMAGES),
    _refused("variational", _CONVOLUTIONS, data=_VECTORS, decoder=_OF_IMAGES),
    _refused("variational", "likelihood needs images", data=_VECTORS, likelihood=_OF_PIXELS),
    _refused("variational", "has none: leave it at", bound="weighted", beta=_SCHEDULES),
    _refused("variational", _ONE_PROGRAM, encoder=_APART, seeds="two"),
    _refused("variational", _ONE_PROGRAM, decoder=_APART, seeds="two"),
    *(_refused(family, "several seeds in one program", seeds="two") for family in ("m2", "m1_m2")),
    *(
        _refused(family, "the Bernoulli likelihood needs images", **_BERNOULLI_POINTS)
        for family in ("m2", "m1_m2")
    ),
    *(
        _refused(family, words, **{role: networks}, **where)
        for family, roles in (("m2", "classifier encoder decoder"), ("m1_m2", "encoder decoder"))
        for role in roles.split()
        for words, networks, where in (
            (_CONVOLUTIONS, _OF_IMAGES_ALONE, {"labels": "points"}),
            ("lets the examples of a batch see each other", _MIXING, {}),
        )
    ),
]


def run_of(family: str, row: Row) -> Run:
    """The tiny run that a row stands for."""
    run = BASE.replace(learner=TINY["families", family])
    for factor, values in FACTORS[family].items():
        for path, value in values[row[factor]].items():
            if has(run, path):  # not every network can be told of its batch
                run = changed(run, path, value)
    return run


def words_of(family: str) -> dict[str, list[str]]:
    """The words of each factor's values."""
    return {factor: list(values) for factor, values in FACTORS[family].items()}


def refusals_of(family: str) -> list[Refusal]:
    """What a family refuses."""
    return [refusal for refusal in REFUSALS if refusal.family == family]


def refusal_of(row: Row, refusals: Sequence[Refusal]) -> Refusal | None:
    """The refusal that a row runs into."""
    return next((refusal for refusal in refusals if refusal.fits(row)), None)


def dead_end(row: Row, factors: Mapping[str, Sequence[str]], refusals: Sequence[Refusal]) -> bool:
    """Whether a row, perhaps unfinished, is refused, or whatever a further factor may be."""
    if refusal_of(row, refusals) is not None:
        return True
    return any(
        all(refusal_of({**row, factor: value}, refusals) is not None for value in values)
        for factor, values in factors.items()
        if factor not in row
    )


def covering(factors: Mapping[str, Sequence[str]], refusals: Sequence[Refusal] = ()) -> list[Row]:
    """Rows that nothing refuses and in which every pair of values meets that can.

    Greedy: each row starts with a pair that has not met, and takes for each further factor the
    value with which most such pairs meet. The same factors give the same rows.
    """
    left = dict.fromkeys(
        ((one, a), (other, b))
        for one, other in combinations(factors, 2)
        for a in factors[one]
        for b in factors[other]
    )
    rows = []
    while left:
        first = dict(next(iter(left)))
        row = _filled(first, factors, refusals, left)
        if row is None:
            del left[next(iter(left))]  # nothing that holds this pair is allowed
            continue
        rows.append(row)
        for pair in _pairs(row, factors):
            left.pop(pair, None)
    return rows


def _filled(
    row: Row,
    factors: Mapping[str, Sequence[str]],
    refusals: Sequence[Refusal],
    left: Mapping[Any, None],
) -> Row | None:
    """A whole row that begins so; the best values first, others where those end nowhere."""
    if dead_end(row, factors, refusals):  # seen now, and not in each combination that follows
        return None
    missing = [factor for factor in factors if factor not in row]
    if not missing:
        return {factor: row[factor] for factor in factors}
    first = missing[0]
    gains = {
        value: sum(pair in left for pair in _pairs({**row, first: value}, factors))
        for value in factors[first]
    }
    for value in sorted(gains, key=lambda value: -gains[value]):
        whole = _filled({**row, first: value}, factors, refusals, left)
        if whole is not None:
            return whole
    return None


def _pairs(row: Row, factors: Mapping[str, Sequence[str]]) -> list[Any]:
    there = [(factor, row[factor]) for factor in factors if factor in row]
    return list(combinations(there, 2))

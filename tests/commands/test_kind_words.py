"""A kind is one word: choosing parts, adding members to lists, and addressing them."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

import saddlepoint as sp
from kit.tiny import DISTINCT
from saddlepoint import flags, kind_words
from saddlepoint.description import Description, Kinds, Part, one_of
from saddlepoint.errors import BadInput
from saddlepoint.games.regularisers import REGULARISERS, GradientPenalty, r1, wgan_gp
from saddlepoint.options import described, start_of
from saddlepoint.run.description import Run

PENALTIES = "--learner.critic-regularisers"


def made(target: str, *words: str) -> Run:
    return described(start_of(target), words, f"saddlepoint train {target}")[0]


def refused(target: str, *words: str) -> str:
    with pytest.raises(BadInput) as error:
        made(target, *words)
    return str(error.value)


def test_a_word_chooses_a_part_and_further_words_its_values() -> None:
    words = ["--learner.critic.width", "32", "--learner.critic", "dcgan"]
    run = made("gan", *words, "--training.dynamics=consensus", "--training.dynamics.strength", "2")
    assert (run.learner.critic.kind, run.learner.critic.width) == ("dcgan", 32)
    assert run.learner.generator == sp.recipes.gan().learner.generator
    assert (run.training.dynamics.kind, run.training.dynamics.strength) == ("consensus", 2)
    run = made("dcgan", "--learner.generator_optimiser", "sgd")
    assert run.learner.generator_optimiser.kind == "sgd"
    assert made("gan", "--learner", "variational").learner.encoder.kind == "mlp"


def test_a_part_of_the_same_kind_keeps_its_values_and_another_starts_from_its_own() -> None:
    assert made("gan", "--learner.critic", "mlp") == sp.recipes.gan()
    there = sp.recipes.wgan_gp_mlp().learner.critic_optimiser
    back = made("wgan-gp-mlp", "--learner.critic-optimiser", "adam").learner.critic_optimiser
    assert back == there
    assert made("wgan-gp-mlp", "--learner.critic", "dcgan").learner.critic.width == 64


def test_a_list_is_its_words() -> None:
    run = made("dcgan", PENALTIES, "r1", "drift", f"{PENALTIES}.r1.weight", "5")
    penalty, drift = run.learner.critic_regularisers
    assert (penalty.place, penalty.weight, drift.weight) == ("real", 5, 1e-3)
    assert made("toy-ring", PENALTIES, "none").learner.critic_regularisers == ()
    first, second = sp.recipes.toy_ring().learner.critic_regularisers
    kept = made("toy-ring", PENALTIES, "drift", "r2", "r1").learner.critic_regularisers
    assert kept[1:] == (second, first), "members that answer to their word keep their values"
    assert made("toy-ring", f"{PENALTIES}=drift").learner.critic_regularisers == (drift,)
    run = made("dcgan", "--learner.constraints", "spectral-norm")
    assert [each.kind for each in run.learner.constraints] == ["spectral_norm"]


def test_members_are_addressed_by_word_preset_or_number() -> None:
    for address in ("wgan_gp", "wgan-gp", "gradient_penalty", "0"):
        run = made("wgan-gp-mlp", f"{PENALTIES}.{address}.weight", "3")
        assert run.learner.critic_regularisers[0].weight == 3
    twice = ["drift", "drift"]
    run = made("dcgan", PENALTIES, *twice, f"{PENALTIES}.1.weight", "3")
    assert [each.weight for each in run.learner.critic_regularisers] == [1e-3, 3]
    assert "use their numbers, 0 or 1" in refused(
        "dcgan", PENALTIES, *twice, f"{PENALTIES}.drift.weight", "3"
    )
    assert kind_words.addresses(run.learner.critic_regularisers) == ("0", "1")
    both = sp.recipes.toy_ring().learner.critic_regularisers
    assert kind_words.addresses(both) == ("r1", "r2")
    mixed = (*both, GradientPenalty(target=3))
    # its kind names all three, so it has its number
    assert kind_words.addresses(mixed) == ("r1", "r2", "2")


def test_presets_are_the_functions_of_their_name() -> None:
    kinds = Kinds(list(REGULARISERS))
    assert kinds.made("wgan_gp") == wgan_gp()
    assert kinds.made("r1") == r1(2.0)
    for word in GradientPenalty.presets:
        penalty = kinds.made(word)
        assert penalty.known_as() == (word, "gradient_penalty")
        assert penalty.replace(weight=77.0).known_as() == (word, "gradient_penalty")
        assert penalty.model_dump()["kind"] == "gradient_penalty"
    assert GradientPenalty(place="real", target=1).known_as() == ("gradient_penalty",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--learner.generator", "mpl"], "choose from mlp, dcgan"),
        (["--learner.generator", "mpl"], "Did you mean 'mlp'?"),
        (["--learner.generator"], "name what stands there: mlp, dcgan"),
        (["--learner.generator", "mlp", "dcgan"], "one word is meant, and these are 2"),
        ([PENALTIES, "r3"], "choose from gradient_penalty, r1, r2, wgan_gp, wgan_lp, dragan, "),
        ([PENALTIES, "none", "r1"], "'none' is a list without members"),
        ([PENALTIES], "name what stands there: none, gradient_penalty, r1"),
        (["--data.kind", "ring"], "choose the data with --data"),
        (["--learner.generator.kind", "mlp"], "write --learner.generator mlp."),
        (["--learner.generator.kind"], "write --learner.generator KIND."),
        ([f"{PENALTIES}.0.kind", "drift"], f"write {PENALTIES} drift."),
        ([PENALTIES, "r1", f"{PENALTIES}.1.kind=drift"], f"write {PENALTIES} r1 drift."),
        ([PENALTIES, "r1", "drift", f"{PENALTIES}.0.kind", "r2"], f"write {PENALTIES} r2 drift."),
        (["--learner.constraints.0.limit", "1"], "no member '0', it is now: none. Its members"),
        ([f"{PENALTIES}.r1.weight", "1"], f"are chosen with {PENALTIES} {{none,gradient_penalty,"),
        (["--learner.constraints.9999999999999.limit", "1"], "no member '9999999999999'"),
        (["stray"], "'stray' follows no option"),
    ],
)
def test_words_that_stand_for_nothing_are_refused(words: list[str], expected: str) -> None:
    assert expected in refused("dcgan", *words)


@pytest.mark.parametrize("name", DISTINCT)
def test_every_word_of_every_part_makes_it(name: str) -> None:
    run = made(name)
    for flag in (flag for group in flags.groups(run) for flag in group.flags if flag.part):
        for word in flag.choices:
            changed, left = kind_words.chosen(run, [flag.name, word])
            assert not left
            by_name = {f.name: f for g in flags.groups(changed) for f in g.flags}
            shown = by_name[flag.name].words
            # a kind that stands there already keeps its values, and may be a preset
            assert word in shown or (word == "gradient_penalty" and shown[0] in (*flag.words, "r1"))


class Inner(Part):
    """A part of a part."""


class Small(Inner):
    """Small."""

    kind: Literal["small"] = "small"
    size: int = 1


class Needy(Inner):
    """It has a field without a default."""

    kind: Literal["needy"] = "needy"
    size: int


INNER: list[type[Inner]] = [Small, Needy]


class Late(Inner):
    """Added after the descriptions that name the list."""

    presets = {"later": {"size": 7}}

    kind: Literal["late"] = "late"
    size: int = 2


class Outer(Part):
    """A part with parts."""

    kind: Literal["outer"] = "outer"
    one: Annotated[Inner, one_of(INNER)] = Small()
    several: tuple[Annotated[Inner, one_of(INNER)], ...] = Field((), description="Several.")


OUTER: list[type[Outer]] = [Outer]


class Whole(Description):
    """Stands for a run."""

    outer: tuple[Annotated[Outer, one_of(OUTER)], ...] = ()


def test_nested_and_late_parts() -> None:
    INNER.append(Late)
    try:
        words = ["--outer.outer.several", "late", "small", "later", "--outer", "outer"]
        words += ["--outer.0.one", "late", "--outer.outer.several.small.size", "5"]
        whole, left = kind_words.chosen(Whole(), words)  # type: ignore[arg-type]
        listed = {flag.name: flag for group in flags.groups(whole) for flag in group.flags}
    finally:
        INNER.remove(Late)
    outer = whole.outer[0]
    assert outer.one == Late()
    assert outer.several == (Late(), Small(), Late(size=7))
    assert [each.path for each in left] == ["--outer.0.several.1.size"]
    assert listed["--outer.outer.several"].choices == ("none", "small", "needy", "late", "later")
    assert listed["--outer.outer.several.later.size"].path == "--outer.0.several.2.size"
    assert listed["--outer.outer.several.0.size"].words == ("2",), "'late' names two of them"


def test_a_kind_that_cannot_be_made_of_its_word_says_what_is_missing() -> None:
    with pytest.raises(BadInput, match=r"--outer\.0\.one needy: size = .*field required"):
        kind_words.chosen(Whole(), ["--outer", "outer", "--outer.0.one", "needy"])  # type: ignore[arg-type]

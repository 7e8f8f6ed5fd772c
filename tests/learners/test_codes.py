"""Codes, their recogniser, and the bound of what an example says of its code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

import saddlepoint as sp
from kit.drawn import BATCH, POINTS, Drawn
from kit.tiny import tiny
from saddlepoint.cli import main
from saddlepoint.data.batch import Batch
from saddlepoint.drawing import to_uint8
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.auxiliaries import LateRecogniser, Recogniser
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.adversarial.priors import Coded
from saddlepoint.learners.adversarial.recognition import Recognition
from saddlepoint.learners.codes import Categorical, Continuous, choices, placed
from saddlepoint.networks.mlp import Mlp
from saddlepoint.randomness import Streams

PRIOR = Coded(categorical=(3, 2), uniform=1, gaussian=1, names=("kind", "side", "slant", "size"))
SMALL = {"generator": Mlp(hidden=(9,)), "critic": Mlp(hidden=(7,), activation="tanh")}


def build(*auxiliaries: Any, members: bool = False, **changes: Any) -> AdversarialLearner:
    given = {"latent": 2, "prior": PRIOR, **SMALL, "auxiliaries": auxiliaries, **changes}
    seed = (0, 5) if members else 0
    learner = Adversarial(**given).learner(POINTS, batch_size=BATCH, seed=seed).double()
    assert isinstance(learner, AdversarialLearner)
    return learner


def turn(learner: AdversarialLearner, name: str) -> Any:
    (phase,) = (phase for phase in learner.phases if phase.name == name)
    batch = Batch(Drawn(POINTS.shape).batch(0).x.double()) if phase.needs_data else None
    return learner(phase, batch, Streams(4, "t"), Moment())


def draws(prior: Coded, latent: int, n: int = 40_000) -> torch.Tensor:
    width = len(prior.columns(latent))
    normal = torch.randn(n, width, generator=torch.Generator().manual_seed(0)).double()
    return prior.of(normal)


# ---- What codes are drawn from ----------------------------------------------------------------


def test_codes_have_their_distributions_and_are_independent() -> None:
    z = draws(PRIOR, 2)
    assert PRIOR.columns(2) == (
        *("z0", "z1", "kind=0", "kind=1", "kind=2", "side=0", "side=1", "slant", "size"),
    )
    assert [code.entropy for code in PRIOR.codes] == pytest.approx(
        [math.log(3), math.log(2), math.log(2), 0.5 * math.log(2 * math.pi * math.e)]
    )
    kind, side, slant, size = z[:, 2:5], z[:, 5:7], z[:, 7], z[:, 8]
    for one_hot in (kind, side):
        assert set(one_hot.unique().tolist()) == {0.0, 1.0}
        assert (one_hot.sum(1) == 1).all()
        assert one_hot.mean(0) == pytest.approx([1 / one_hot.shape[1]] * one_hot.shape[1], abs=0.01)
    both = kind.argmax(1) * 2 + side.argmax(1)
    assert both.bincount().double() / len(z) == pytest.approx([1 / 6] * 6, abs=0.01)
    assert slant.abs().max() < 1
    assert slant.std() == pytest.approx(3**-0.5, rel=0.02)
    assert size.std() == pytest.approx(1, rel=0.02)
    correlation = torch.corrcoef(torch.stack([kind[:, 0], side[:, 0], slant, size, z[:, 0]]))
    assert (correlation - torch.eye(5).double()).abs().max() < 0.02


def test_without_noise_one_code_is_the_discrete_uniform_latent() -> None:
    learner = build(prior=Coded(categorical=(5,)), latent=0)
    z = learner.latents(200, seed=1)
    assert z.shape == (200, 5)
    assert (z.sum(1) == 1).all()
    assert len(learner.sample(200, seed=1).unique(dim=0)) == 5, "as many examples as classes"


def test_uniform_noise_stands_before_the_codes() -> None:
    z = draws(Coded(noise="uniform", categorical=(), gaussian=1), 2)
    assert z[:, :2].abs().max() < 1 < z[:, 2].abs().max()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"categorical": (1,)}, "a code of 1 classes says nothing"),
        ({"categorical": ()}, "needs a code"),
        ({"names": ("a", "b")}, "2 names and 1 codes"),
        ({"names": ("a b",)}, "'a b' should be a word"),
        ({"uniform": 1, "names": ("a", "a")}, "stand there once"),
    ],
)
def test_codes_that_cannot_be_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Coded(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"auxiliaries": (Recogniser(),)}, "reads codes, and the prior 'normal' has none"),
        (
            {"auxiliaries": (Recogniser(), LateRecogniser()), "prior": Coded()},
            "recogniser and late_recogniser would read the same codes",
        ),
        ({"latent": 0}, "leave the generator nothing to start from"),
    ],
)
def test_games_without_codes_to_read_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Adversarial(**given)


# ---- The bound --------------------------------------------------------------------------------


def test_the_log_likelihoods_are_those_of_torchs_distributions() -> None:
    codes = (Categorical("kind", 3), Continuous("slant", True))
    reader = Recognition(4, codes, hidden=5, norm="none", floor=0.1, members=None).double()
    features = torch.randn(6, 4).double()
    latents = torch.cat([torch.randn(6, 2), torch.eye(3)[[0, 1, 2, 2, 1, 0]], torch.rand(6, 1)], 1)
    each = reader.log_likelihoods(features, latents.double())
    q = reader(features)
    kind = torch.distributions.Categorical(logits=q["kind"]).log_prob(latents[:, 2:5].argmax(1))
    slant = torch.distributions.Normal(*q["slant"].unbind(-1)).log_prob(latents[:, 5].double())
    torch.testing.assert_close(each["kind"], kind)
    torch.testing.assert_close(each["slant"], slant)
    assert (q["slant"][:, 1] > 0.1).all(), "the floor"


def best_bound(floor: float | None, deviation: float) -> float:
    """H(c) + E log N(c; 0, σ²) of c ~ U(−1, 1), at a deviation of q."""
    code = Continuous("slant", True)
    reader = Recognition(1, (code,), hidden=0, norm="none", floor=floor, members=None).double()
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.zero_()
        if floor is not None:
            reader.head.bias[1] = math.log(math.expm1(deviation - floor))
    c = torch.linspace(-1, 1, 20_001).double()
    latents, features = c[:, None], torch.zeros(len(c), 1).double()
    return code.entropy + float(reader.log_likelihoods(features, latents)["slant"].mean().detach())


def test_a_continuous_code_that_nothing_is_known_of_has_the_known_bounds() -> None:
    # the best normal q of a uniform code has its deviation, 1/√3: the bound is −0.1765
    exact = math.log(2) - 0.5 * math.log(2 * math.pi * math.e / 3)
    assert best_bound(0.1, 3**-0.5) == pytest.approx(exact, abs=1e-4)
    assert exact == pytest.approx(-0.1765, abs=5e-5)
    # and with σ fixed at 1 even a perfect reader has log 2 − ½ log 2π = −0.226
    perfect = math.log(2) - 0.5 * math.log(2 * math.pi)
    assert best_bound(None, 1.0) == pytest.approx(perfect - 1 / 6, abs=1e-4)
    assert perfect == pytest.approx(-0.2258, abs=5e-5)


def test_the_term_is_the_bound_weighted_apart_for_both_kinds_of_codes() -> None:
    plain = turn(build(Recogniser(norm="none")), "generator")
    bounds = {n.rpartition("_")[2]: v for n, v in plain.diagnostics.items() if "information" in n}
    assert bounds.keys() == {"kind", "side", "slant", "size"}
    entropies = {code.name: code.entropy for code in PRIOR.codes}
    logs = {name: float(bounds[name]) - entropies[name] for name in bounds}
    assert plain.terms["recogniser"].reduced.item() == pytest.approx(-sum(logs.values()))
    weighted = turn(build(Recogniser(norm="none", discrete=2.0, continuous=0.5)), "generator")
    expected = -2 * (logs["kind"] + logs["side"]) - 0.5 * (logs["slant"] + logs["size"])
    assert weighted.terms["recogniser"].reduced.item() == pytest.approx(expected)


# ---- Whom it moves ----------------------------------------------------------------------------


def moved_by_information(learner: AdversarialLearner, phase: str) -> dict[str, float]:
    """The gradients' norms that the information term alone gives."""
    learner.zero_grad(set_to_none=True)
    term = turn(learner, phase).terms[learner.description.auxiliaries[0].name]
    term.reduced.backward()
    parts = {
        "generator": learner.duel.generator,
        "backbone": learner.duel.critic.backbone,
        "head": learner.duel.critic.head,
        "recogniser": learner.duel.auxiliaries,
    }
    return {
        name: sum(float(p.grad.norm()) for p in part.parameters() if p.grad is not None)
        for name, part in parts.items()
    }


def test_it_moves_generator_backbone_and_recogniser_and_never_the_head() -> None:
    learner = build(Recogniser(norm="none"))
    moved = moved_by_information(learner, "critic")
    assert moved["backbone"] > 0 < moved["recogniser"]
    assert moved["generator"] == moved["head"] == 0
    moved = moved_by_information(learner, "generator")  # of whom the turn moves the generator
    assert moved["generator"] > 0, "the graph is not cut"
    assert moved["head"] == 0
    assert learner.phases[1].moves == ("generator",)


def test_it_reads_the_adversarial_terms_own_fakes() -> None:
    """One pass of the critic over fakes a turn, and no further latents."""
    seen: list[int] = []
    drawn: list[int] = []
    learner = build(Recogniser(norm="none"))
    learner.duel.critic.backbone.register_forward_hook(lambda *given: seen.append(len(given[1][0])))
    learner.duel.generator.register_forward_hook(lambda *given: drawn.append(len(given[1][0])))
    turn(learner, "critic")
    turn(learner, "generator")
    assert seen == [2 * BATCH, BATCH]
    assert drawn == [BATCH, BATCH]


def test_a_phase_of_its_own_moves_both_players_on_fresh_codes() -> None:
    learner = build(Recogniser(norm="none", apart=True))
    assert [phase.name for phase in learner.phases] == ["critic", "generator", "recogniser"]
    assert learner.phases[2].moves == ("critic", "generator")
    assert "recogniser" not in turn(learner, "critic").terms
    assert "recogniser" not in turn(learner, "generator").terms
    moved = moved_by_information(learner, "recogniser")
    assert moved["generator"] > 0
    assert moved["backbone"] > 0
    assert moved["recogniser"] > 0
    assert moved["head"] == 0


def test_a_late_recogniser_learns_after_the_game_and_moves_nobody_else() -> None:
    learner = build(LateRecogniser(norm="none", after=0.75))
    during = {phase.name: phase.during for phase in learner.phases}
    assert during == {
        "critic": (0.0, 0.75),
        "generator": (0.0, 0.75),
        "late_recogniser": (0.75, 1.0),
    }
    assert (
        learner.players.keys()
        == learner.optimisers.keys()
        == {*during} - {"late_recogniser"} | {"recogniser"}
    )
    moved = moved_by_information(learner, "late_recogniser")
    assert moved.pop("recogniser") > 0
    assert set(moved.values()) == {0.0}


def test_members_are_the_runs_alone() -> None:
    described = Adversarial(
        latent=2, prior=PRIOR, **SMALL, auxiliaries=(Recogniser(hidden=6, norm="layer"),)
    )
    both = described.learner(POINTS, batch_size=BATCH, seed=(0, 5)).double()
    stacked = both(both.phases[1], None, Streams((0, 5), "t")).terms["recogniser"].values
    for member, seed in enumerate((0, 5)):
        alone = described.learner(POINTS, batch_size=BATCH, seed=seed).double()
        single = alone(alone.phases[1], None, Streams(seed, "t")).terms["recogniser"].values
        torch.testing.assert_close(stacked[member], single, rtol=0, atol=1e-12)


# ---- Chosen codes -----------------------------------------------------------------------------


def latents(n: int) -> torch.Tensor:
    return PRIOR.of(torch.randn(n, 9, generator=torch.Generator().manual_seed(1)))


def chosen(**asked: str) -> torch.Tensor:
    return placed(latents(12), PRIOR.codes, choices(PRIOR.codes, asked), columns=4)


def test_a_value_is_every_samples_and_the_rest_is_as_drawn() -> None:
    z = chosen(kind="2", slant="-0.5")
    assert (z[:, 2:5] == torch.tensor([0.0, 0.0, 1.0])).all()
    assert (z[:, 7] == -0.5).all()
    others = [0, 1, 5, 6, 8]
    assert torch.equal(z[:, others], latents(12)[:, others])


def test_a_walk_goes_along_each_row_whose_rest_stands_still() -> None:
    z = chosen(slant="-1..1").view(3, 4, 9)
    assert torch.equal(z[:, :, 7], torch.linspace(-1, 1, 4).expand(3, 4))
    others = [0, 1, 2, 3, 4, 5, 6, 8]
    assert (z[:, :, others] == latents(12).view(3, 4, 9)[:, :1, others]).all()
    classes = chosen(kind="0..2").view(3, 4, 9)[:, :, 2:5].argmax(-1)
    assert classes.tolist() == [[0, 1, 2, 0]] * 3, "classes begin again"
    back = chosen(kind="2..1").view(3, 4, 9)[0, :, 2:5].argmax(-1)
    assert back.tolist() == [2, 1, 2, 1]


def test_a_second_walk_goes_down_the_rows_of_one_sample() -> None:
    z = chosen(slant="-1..1", size="-2..2").view(3, 4, 9)
    assert torch.equal(z[:, 0, 8], torch.tensor([-2.0, 0.0, 2.0]))
    assert (z[..., :7] == latents(12)[0, :7]).all()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"knd": "1"}, r"no code 'knd' .*Did you mean 'kind'"),
        ({"kind": "3"}, "one of 3 classes, 0 to 2, and not 3"),
        ({"kind": "0.5"}, "one of 3 classes"),
        ({"slant": "5"}, r"trained on values from U\(−1, 1\), and 5 is far"),
        ({"size": "inf"}, "far from them"),
        ({"slant": "left"}, "'left' is no number"),
        ({"slant": "0..1..2"}, "a value, or two with .. between them"),
        ({"slant": "0..1", "size": "0..1", "kind": "0..1"}, "a grid has two directions"),
    ],
)
def test_codes_that_cannot_be_had_are_refused(asked: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        choices(PRIOR.codes, asked)


def test_samples_of_chosen_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Python and on the command line, the same bits; and refusals with a sentence."""
    run = tiny("infogan", numbers=1, dense=8)
    sp.train(run, tmp_path / "run", quiet=True)
    model = sp.load(tmp_path / "run")
    z = model.learner.latents(20, 3)
    z[:, -11:-1] = torch.eye(10)[4]
    samples = model.coded(20, {"class": 4}, seed=3)
    assert torch.equal(samples, model.learner.decode(z))
    assert model.columns(64, {"class": "0..9"}) == 10
    assert model.columns(64, {"number-1": "-1..1"}) == 8
    monkeypatch.chdir(tmp_path)
    main(["sample", "run", "--n", "20", "--seed", "3", "--code", "class=4", "--out", "four.npy"])
    pixels = to_uint8(samples.numpy()).transpose(0, 2, 3, 1)
    assert (np.load("four.npy") == pixels).all()
    main(["sample", "run", "--n", "30", "--code", "class=0..9", "--out", "all.png"])
    with Image.open("all.png") as picture:
        assert picture.width > 3 * picture.height, "ten in a row"
    for words, said in (
        (["--code", "class"], "write NAME=VALUE"),
        (["--code", "class=1", "--code", "class=2"], "stands there twice"),
        (["--code", "class=1", "--class", "1"], "leave one out"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["sample", "run", *words, "--out", "no.png"])
        assert stop.value.code == 2, said
    assert not Path("no.png").exists()
    sp.train(tiny("gan", data="ring"), tmp_path / "plain", quiet=True)
    with pytest.raises(BadInput, match="it was trained without codes"):
        sp.load(tmp_path / "plain").coded(3, {"class": 1})

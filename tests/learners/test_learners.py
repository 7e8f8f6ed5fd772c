"""The contract of every learner, and how terms are reduced."""

import copy
import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.games.moment import Moment
from saddlepoint.games.regularisers import Drift
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.priors import Uniform
from saddlepoint.learners.family import Family
from saddlepoint.learners.kinds import FAMILIES
from saddlepoint.learners.laplacian.description import Laplacian
from saddlepoint.learners.learner import Learner, Phase
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.learners.semisupervised.description import M1M2, M2
from saddlepoint.learners.semisupervised.stacked_learner import M1M2Learner
from saddlepoint.learners.variational.description import Variational
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.kinds import NETWORKS
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.r3 import R3
from saddlepoint.networks.refiner import Refiner
from saddlepoint.networks.resnet import BottleneckResNet, ResNet
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Piecewise

BATCH = 6
VECTORS = DataInfo(name="points", shape=(3,), form="vectors", counts={}, fingerprint="")
IMAGES = DataInfo(name="pictures", shape=(2, 11, 8), form="images", counts={}, fingerprint="")
FEW_LABELS = VECTORS.model_copy(
    update={
        "classes": ("a", "b"),
        "class_counts": (2, 1),
        "counts": {"train": 20, "validation": 4, "test": 4},
    }
)
# leaky: among few rectified units, all can be off for two latents, whose samples are then equal
MLP = Mlp(hidden=(7,), activation="leaky_relu")
SMALL, BARE = Dcgan(width=2), Dcgan(width=2, norm="none")
THIN = R3(widths=(4,), blocks=1, group_width=2)
FINE = Refiner(width=3, activation="leaky_relu")
FINE_CRITIC = FINE.replace(dropout=0.0)
RISING = Piecewise(points=((0.0, 0.0), (1.0, 2.0)))

CASES: dict[str, tuple[Family, DataInfo]] = {
    "adversarial, minimax, mlp, vectors": (
        Adversarial(latent=2, objective="minimax", generator=MLP, critic=MLP),
        VECTORS,
    ),
    "adversarial, non-saturating, linear, vectors, uniform": (
        Adversarial(
            latent=2, prior=Uniform(), generator=Mlp(hidden=()), critic=MLP, critic_steps=3
        ),
        VECTORS,
    ),
    "adversarial, non-saturating, mlp, images": (
        Adversarial(latent=4, generator=MLP, critic=MLP),
        IMAGES,
    ),
    "adversarial, non-saturating, dcgan": (
        Adversarial(latent=4, generator=SMALL, critic=SMALL),
        IMAGES,
    ),
    "adversarial, minimax, dcgan against bare dcgan": (
        Adversarial(latent=4, objective="minimax", generator=SMALL, critic=BARE),
        IMAGES,
    ),
    # least squares: large scores would saturate the others
    "adversarial, least squares, resnet": (
        Adversarial(
            latent=4,
            objective="least_squares",
            generator=ResNet(width=2, blocks=(0, 1), activation="leaky_relu"),
            critic=ResNet(width=2, norm="layer", activation="leaky_relu"),
        ),
        IMAGES,
    ),
    "adversarial, non-saturating, bottleneck resnet": (
        Adversarial(
            latent=4,
            generator=BottleneckResNet(width=2, blocks=(0, 1)),
            critic=BottleneckResNet(width=2, blocks=(0, 1), norm="layer"),
        ),
        IMAGES,
    ),
    "adversarial, non-saturating, r3": (
        Adversarial(latent=4, generator=THIN, critic=THIN),
        IMAGES,
    ),
    # dropout would draw by itself
    "laplacian, non-saturating, refiner": (
        Laplacian(
            innermost=Adversarial(latent=3, generator=MLP, critic=MLP),
            refinement=Adversarial(generator=FINE, critic=FINE_CRITIC),
        ),
        IMAGES,
    ),
    "laplacian, least squares, level by level": (
        Laplacian(
            levels=2,
            together=False,
            innermost=Adversarial(
                latent=3, generator=MLP, critic=MLP, critic_regularisers=(Drift(),)
            ),
            refinement=Adversarial(
                objective="least_squares", generator=FINE, critic=MLP, critic_steps=2
            ),
        ),
        IMAGES,
    ),
    "adversarial, non-saturating, refiner": (
        Adversarial(latent=4, generator=FINE, critic=FINE_CRITIC),
        IMAGES,
    ),
    "variational, gaussian, mlp, vectors": (
        Variational(latent=2, encoder=MLP, decoder=MLP, beta=RISING),
        VECTORS,
    ),
    "variational, gaussian, dcgan": (
        Variational(latent=3, encoder=SMALL, decoder=SMALL),
        IMAGES,
    ),
    "variational, bernoulli, mlp": (
        Variational(latent=3, likelihood="bernoulli", encoder=MLP, decoder=MLP, beta=4.0),
        IMAGES,
    ),
    "variational, bernoulli, bare dcgan to mlp": (
        Variational(latent=3, likelihood="bernoulli", encoder=BARE, decoder=MLP),
        IMAGES,
    ),
    "m2, gaussian, mlp, vectors": (
        M2(latent=2, likelihood="gaussian", classifier=MLP, encoder=MLP, decoder=MLP),
        FEW_LABELS,
    ),
    "m1 and m2, gaussian, mlp, vectors": (
        M1M2(
            latent=2,
            features=3,
            likelihood="gaussian",
            classifier=MLP,
            encoder=MLP,
            decoder=MLP,
            features_encoder=MLP,
            features_decoder=MLP,
        ),
        FEW_LABELS,
    ),
}

every_learner = pytest.mark.parametrize("case", CASES, ids=str)


def build(case: str, seed: int = 0) -> Learner:
    description, data = CASES[case]
    return description.learner(data, batch_size=BATCH, seed=seed)


def batch_for(case: str) -> Batch:
    data = CASES[case][1]
    x = torch.rand(BATCH, *data.shape, generator=torch.Generator().manual_seed(8)) * 2 - 1
    if not data.classes:
        return Batch(x)
    label = torch.tensor([0, 1, 0, -1, -1, -1])
    return Batch(x, label, label >= 0)


def phases_of(learner: Learner, case: str) -> Iterator[tuple[Phase, Batch | None, Streams, Moment]]:
    """Each phase with what the training step would hand it."""
    for progress in (0.0, 0.75):
        for phase in learner.phases:
            batch = batch_for(case) if phase.needs_data else None
            moment = Moment(progress=progress, stage_progress=progress)
            yield phase, batch, Streams(5, "train", 0, phase.name, 0), moment


def movers_of(learner: Learner, phase: Phase) -> list[nn.Parameter]:
    players = [learner.players[name] for name in phase.moves]
    return [p for player in players for p in player.parameters() if p.requires_grad]


def state_of(learner: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# ---- Players and phases ------------------------------------------------------------------------


@every_learner
def test_players_partition_the_parameters(case):
    learner = build(case)
    owned = [id(p) for player in learner.players.values() for p in player.parameters()]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in learner.parameters()}
    assert learner.optimisers.keys() == learner.players.keys()
    assert set(learner.averaged) <= learner.players.keys()


@every_learner
def test_every_player_moves_in_some_phase(case):
    learner = build(case)
    moving = {name for phase in learner.phases for name in phase.moves}
    assert moving == learner.players.keys()
    names = [phase.name for phase in learner.phases]
    assert len(names) == len(set(names))  # the random streams are told apart by them


@every_learner
def test_only_movers_receive_gradient_and_all_of_them_do(case):
    learner = build(case)
    for phase, batch, streams, moment in phases_of(learner, case):
        learner.zero_grad(set_to_none=True)
        movers = movers_of(learner, phase)
        learner(phase, batch, streams, moment).total().backward(inputs=movers)
        for parameter in movers:
            assert parameter.grad is not None
            assert torch.isfinite(parameter.grad).all()
        assert any(p.grad.any() for p in movers)
        moving = {id(p) for p in movers}
        assert all(p.grad is None for p in learner.parameters() if id(p) not in moving)


@every_learner
def test_the_total_is_the_weighted_sum_of_the_terms(case):
    learner = build(case)
    for phase, batch, streams, moment in phases_of(learner, case):
        losses = learner(phase, batch, streams, moment)
        expected = sum(t.weight * t.values.double().mean().item() for t in losses.terms.values())
        assert losses.total().shape == ()
        assert losses.total().item() == pytest.approx(expected, rel=1e-5)
        for term in losses.terms.values():
            assert term.values.shape == (BATCH,)


@every_learner
def test_diagnostics_are_scalars_without_gradient_and_include_the_headline(case):
    learner = build(case)
    diagnostics = {}
    for phase, batch, streams, moment in phases_of(learner, case):
        diagnostics |= learner(phase, batch, streams, moment).diagnostics
    assert set(learner.headline) <= diagnostics.keys()
    for value in diagnostics.values():
        assert value.shape == ()
        assert not value.requires_grad
        assert torch.isfinite(value)


@every_learner
def test_a_phase_is_a_function_of_its_batch_and_streams(case):
    """Of nothing else: neither the global generator nor how often it was called."""
    learner = build(case)
    if isinstance(learner, M1M2Learner):  # as when its second stage has begun
        learner.model.observation.get_buffer("alive").fill_(True)
    else:
        with torch.no_grad():
            for parameter in learner.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(5)  # small initial weights would hide the latents in rounding
    for phase, batch, streams, moment in phases_of(learner, case):
        torch.manual_seed(1)
        first = learner(phase, batch, streams, moment).total()
        torch.manual_seed(2)
        before = torch.get_rng_state()
        again = learner(phase, batch, streams, moment)
        assert torch.equal(again.total(), first)
        assert torch.equal(torch.get_rng_state(), before)
        elsewhere = learner(phase, batch, Streams(6, "train", 0, phase.name, 0), moment).terms
        pairs = [(t.values, elsewhere[n].values) for n, t in again.terms.items()]
        assert not all(torch.equal(one, other) for one, other in pairs)


@every_learner
def test_phases_can_be_evaluated_on_explicit_parameters(case):
    learner = build(case)
    ordinary_phases = list(phases_of(learner, case))
    for phase, batch, streams, moment in ordinary_phases:
        movers = movers_of(learner, phase)
        ordinary_total = learner(phase, batch, streams, moment).total()
        ordinary = torch.autograd.grad(ordinary_total, movers)

        explicit = {n: p.detach().clone().requires_grad_() for n, p in learner.named_parameters()}
        moving = {id(p) for p in movers}
        names = [n for n, p in learner.named_parameters() if id(p) in moving]
        buffers = {n: b.clone() for n, b in learner.named_buffers()}
        arguments = (phase, batch, streams, moment)
        total = torch.func.functional_call(learner, {**explicit, **buffers}, arguments).total()
        torch.testing.assert_close(total, ordinary_total, rtol=1e-6, atol=0)
        gradients = torch.autograd.grad(total, [explicit[name] for name in names])
        for one, other in zip(gradients, ordinary, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)

        # other parameters are really used: the module's own stay out of it
        shifted = {name: p.detach() + 0.1 for name, p in explicit.items()}
        moved = torch.func.functional_call(learner, {**shifted, **buffers}, arguments).total()
        in_place = copy.deepcopy(learner)
        with torch.no_grad():
            for parameter in in_place.parameters():
                parameter.add_(0.1)
        twin = {p.name: p for p in in_place.phases}[phase.name]
        assert not torch.equal(moved, total)
        expected = in_place(twin, batch, streams, moment).total()
        torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-6)


@every_learner
def test_buffers_given_explicitly_spare_the_modules_own(case):
    learner = build(case)
    before = state_of(learner)
    for phase, batch, streams, moment in phases_of(learner, case):
        tensors = {n: t.detach().clone() for n, t in learner.state_dict().items()}
        torch.func.functional_call(learner, tensors, (phase, batch, streams, moment))
    assert same(state_of(learner), before)


# ---- Sampling ----------------------------------------------------------------------------------


@every_learner
def test_fewer_samples_are_the_first_of_more(case):
    learner = build(case)
    shape = CASES[case][1].shape
    most = learner.sample(150, seed=3)
    assert most.shape == (150, *shape)
    assert most.dtype == torch.float32
    assert not most.requires_grad
    for n in (1, 5, 63, 64, 65, 128, 129):
        assert torch.equal(learner.sample(n, seed=3), most[:n])
    for first in (64, 128):
        assert torch.equal(learner.sample(150 - first, seed=3, first=first), most[first:])
    with pytest.raises(AssertionError, match="whole block"):
        learner.sample(5, seed=3, first=5)
    assert len(most.flatten(1).unique(dim=0)) == 150  # no block repeats another


@every_learner
def test_samples_depend_on_the_seed_alone(case):
    learner = build(case)
    torch.manual_seed(1)
    first = learner.sample(5, seed=3)
    torch.manual_seed(2)
    assert torch.equal(learner.sample(5, seed=3), first)
    assert not torch.equal(learner.sample(5, seed=4), first)
    learner.eval()
    assert torch.equal(learner.sample(5, seed=3), first)


@every_learner
@pytest.mark.parametrize("training", [True, False])
def test_sampling_leaves_everything_as_it_was(case, training):
    learner = build(case).train(training)
    for phase, batch, streams, moment in phases_of(learner, case):
        learner(
            phase, batch, streams, moment
        )  # so that running statistics are not the initial ones
    before = state_of(learner)
    random = torch.get_rng_state()
    learner.sample(70, seed=0)
    assert same(state_of(learner), before)
    assert {m.training for m in learner.modules()} == {training}
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.grad is None for p in learner.parameters())


@every_learner
def test_samples_keep_within_the_bounds_that_the_learner_declares(case):
    learner = build(case)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(20)  # whatever the weights are
    sampled = learner.sample(64, seed=0)
    if learner.bounded:
        assert sampled.abs().max() <= 1
    assert sampled.std() > 0


def test_what_learns_images_by_a_game_or_as_probabilities_is_bounded():
    bounded = {case: build(case).bounded for case in CASES}
    assert all(bounded[c] for c in CASES if "bernoulli" in c or ("adv" in c and "dcgan" in c))
    assert not any(bounded[case] for case in CASES if "gaussian" in case)


@every_learner
def test_recalibrating_changes_running_statistics_only(case):
    learner = build(case)
    before = state_of(learner)
    learner.recalibrate(seed=0)
    after = state_of(learner)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    norms = [m for m in learner.decoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(changed) == 3 * len(norms)
    assert all("running_" in name or "num_batches" in name for name in changed)
    assert all(m.training for m in learner.modules())
    learner.recalibrate(seed=0)
    assert same(state_of(learner), after)


# ---- Initial weights ---------------------------------------------------------------------------


@every_learner
def test_initial_weights_depend_on_the_seed_alone(case):
    torch.manual_seed(1)
    first = state_of(build(case, seed=4))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(state_of(build(case, seed=4)), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not same(state_of(build(case, seed=5)), first)


@every_learner
def test_a_state_restores_a_learner(case):
    learner, other = build(case, seed=1), build(case, seed=2)
    for phase, batch, streams, moment in phases_of(learner, case):
        learner(phase, batch, streams, moment)
    other.load_state_dict(learner.state_dict())
    assert torch.equal(other.sample(9, seed=0), learner.sample(9, seed=0))
    for one, two in zip(phases_of(learner, case), phases_of(other, case), strict=True):
        assert torch.equal(learner(*one).total(), other(*two).total())


# ---- Terms -------------------------------------------------------------------------------------


def test_a_term_is_the_mean_over_the_batch():
    values = torch.tensor([1.0, 2.0, 6.0])
    assert Term(values).reduced.item() == 3.0
    assert Term(values, weight=5.0).reduced.item() == 3.0  # the weight belongs to the total
    assert Losses({"a": Term(values, weight=5.0)}).total().item() == 15.0


def test_a_scalar_term_counts_once():
    losses = Losses({"scalar": Term(torch.tensor(4.0)), "other": Term(torch.tensor([1.0, 3.0]))})
    assert losses.terms["scalar"].reduced.item() == 4.0
    assert losses.total().item() == 6.0


def test_what_is_masked_counts_for_nothing_even_if_it_is_not_a_number():
    values = torch.tensor([1.0, torch.nan, 3.0, torch.inf], requires_grad=True)
    mask = torch.tensor([True, False, True, False])
    reduced = Term(values, mask).reduced
    assert reduced.item() == 2.0
    reduced.backward()
    assert values.grad.tolist() == [0.5, 0.0, 0.5, 0.0]


def test_a_batch_that_is_masked_altogether_is_worth_nothing():
    values = torch.tensor([torch.nan, 5.0], requires_grad=True)
    reduced = Term(values, torch.tensor([False, False])).reduced
    assert reduced.item() == 0.0
    reduced.backward()
    assert values.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("masked", [False, True])
def test_members_get_the_gradients_they_would_get_alone(masked):
    torch.manual_seed(0)
    weights = torch.randn(3, 1, requires_grad=True)
    x = torch.randn(3, 10)
    mask = torch.rand(3, 10) < torch.tensor([[0.3], [0.6], [0.9]]) if masked else None
    if mask is not None:
        assert len(set(mask.sum(1).tolist())) == 3

    Term((weights * x).square(), mask).reduced.backward()
    for k in range(3):
        alone = weights[k].detach().clone().requires_grad_()
        of_member = None if mask is None else mask[k]
        Term((alone * x[k]).square(), of_member).reduced.backward()
        torch.testing.assert_close(weights.grad[k], alone.grad)


def test_two_axes_of_members_are_summed_as_well():
    values = torch.arange(24.0).reshape(2, 3, 4)
    assert Term(values).reduced.item() == values.mean(-1).sum().item() == 69.0


def test_reductions_are_made_in_float32():
    values = torch.linspace(1, 2, 5001).to(torch.bfloat16)
    exact = values.double().mean().item()
    for reduced in (
        Term(values).reduced,
        Term(values, torch.ones_like(values, dtype=torch.bool)).reduced,
    ):
        assert reduced.dtype == torch.float32
        assert reduced.item() == pytest.approx(exact, rel=1e-6)
    assert Term(values[0]).reduced.dtype == torch.float32
    total = Losses({str(i): Term(values[i]) for i in range(3)}).total()
    assert total.dtype == torch.float32


def test_the_cases_cover_every_family_and_network():
    described = [description.model_dump() for description, _ in CASES.values()]
    assert {each["kind"] for each in described} == {part.word() for part in FAMILIES}
    parts = [part for each in described for part in each.values() if isinstance(part, dict)]
    assert {part.word() for part in NETWORKS} <= {part.get("kind") for part in parts}
    assert all(a != b for a, b in itertools.combinations(described, 2))

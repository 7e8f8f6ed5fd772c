"""One step: who moves, how often, what is skipped, and that the host never waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Loader
from saddlepoint.errors import BadInput
from saddlepoint.learners.learner import DatalessPhase, DataPhase, Learner, Phase
from saddlepoint.learners.losses import Losses, Term
from saddlepoint.optimisers import Adam, RmsProp, Sgd
from saddlepoint.randomness import Streams
from saddlepoint.schedules import Cosine
from saddlepoint.training.device import Policy, choose
from saddlepoint.training.meters import BLOCK, Meters, Trouble, as_row
from saddlepoint.training.step import Batches, Stepper, guarded_step

FLOAT32 = Policy(torch.device("cpu"), "float32")


class Counting(Loader):
    """Batch number k holds the number k."""

    batches_per_epoch = 10

    def batch(self, cursor: int) -> Batch:
        return Batch(torch.full((4, 2), float(cursor)))

    def close(self) -> None:
        return None


class Duel(Learner):
    """Two players on a line whose losses and phases the test chooses."""

    headline = ("loss",)
    averaged = ("left",)

    def __init__(self, phases: list[Phase], optimiser: Adam | Sgd | RmsProp) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 1), nn.Linear(2, 1)
        self.phases, self._optimiser = phases, optimiser

    @property
    def players(self) -> dict[str, nn.Module]:
        return {"left": self.left, "right": self.right}

    @property
    def optimisers(self) -> dict[str, Any]:
        return {"left": self._optimiser, "right": self._optimiser}

    def sample(self, n: int, seed: int, label: Tensor | None = None, first: int = 0) -> Tensor:
        raise AssertionError("not sampled here")

    def recalibrate(self, seed: int) -> None:
        return None


def duel(
    optimiser: Adam | Sgd | RmsProp | None = None, data: bool = True, **settings: Any
) -> tuple[Duel, Stepper]:
    """A learner whose 'left' phase counts the batches it sees in ``learner.seen``."""
    phases: list[Phase] = []
    learner = Duel(phases, optimiser or Adam())
    learner.seen = []

    def loss(batch: Batch, streams: object, moment: object) -> Losses:
        learner.seen.append(float(batch.x[0, 0]))
        return product(batch.x + 1)

    def loss_without_data(streams: object, moment: object) -> Losses:
        learner.seen.append(None)
        return product(torch.ones(4, 2))

    def product(x: Tensor) -> Losses:
        values = (learner.left(x) * learner.right(x)).squeeze(1) * learner.factor
        return Losses({"first": Term(values), "second": Term(values, weight=2.0)}, {})

    learner.factor = 1.0
    phases.append(
        DataPhase("only", ("left",), loss, **settings)
        if data
        else DatalessPhase("only", ("left",), loss_without_data, **settings)
    )
    return learner, Stepper(learner, FLOAT32, Batches(Counting(), 16), seed=0)


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def test_one_optimiser_step_per_phase_and_batch_whatever_the_number_of_terms() -> None:
    learner, stepper = duel(repeats=5)
    stepper.step(0, 0.0)
    updates = {
        name: {int(state["step"]) for state in optimiser.state.values()}
        for name, optimiser in stepper.optimisers.items()
    }
    assert updates == {"left": {5}, "right": set()}
    assert learner.seen == [0.0, 1.0, 2.0, 3.0, 4.0], "each update has a fresh batch"
    stepper.step(1, 0.0)
    assert learner.seen[5:] == [5.0, 6.0, 7.0, 8.0, 9.0]


def test_only_movers_change_or_receive_gradient() -> None:
    learner, stepper = duel()
    before = weights(learner.right)
    left = weights(learner.left)
    stepper.step(0, 0.0)
    assert torch.equal(weights(learner.right), before)
    assert not torch.equal(weights(learner.left), left)
    assert all(p.grad is None for p in learner.right.parameters())


def test_a_player_without_gradients_stays_where_it_is() -> None:
    """Its phase depends on other parameters alone; the norm on record is 0."""
    learner, stepper = duel(data=False)
    before = weights(learner.left)

    def loss(streams: object, moment: object) -> Losses:
        return Losses({"only": Term(learner.right(torch.ones(4, 2)).squeeze(1))})

    learner.phases[0] = DatalessPhase("only", ("left",), loss)
    stepper.step(0, 0.0)
    assert torch.equal(weights(learner.left), before)
    assert stepper.meters.read() == {"gradient_norm/left": 0.0}


def test_every_and_needs_data() -> None:
    learner, stepper = duel(every=3, data=False)
    for number in range(7):
        stepper.step(number, 0.0)
    assert learner.seen == [None, None, None]
    assert stepper.batches.cursor == 0


def test_a_phase_that_needs_data_says_so_when_it_gets_none() -> None:
    learner, _ = duel()
    (phase,) = learner.phases
    with pytest.raises(TypeError, match="the phase 'only' learns from a batch"):
        learner(phase, None, Streams(0, "test"))
    assert learner.seen == []


def test_processes_draw_numbers_of_their_own_and_a_single_one_those_without_ranks() -> None:
    learner, alone = duel()
    (phase,) = learner.phases

    def drawn(**share: int) -> Tensor:
        stepper = Stepper(learner, FLOAT32, Batches(Counting(), 4), seed=0, **share)
        _, streams, _ = stepper.draw(phase, 0, 5, 0.5)
        return streams.normal((3,), "latents")

    one = alone.draw(phase, 0, 5, 0.5)[1].normal((3,), "latents")
    assert torch.equal(drawn(), one)
    assert torch.equal(drawn(rank=0, world=1), one)
    ranks = [drawn(rank=rank, world=3) for rank in range(3)]
    assert len({tuple(each.tolist()) for each in (one, *ranks)}) == 4
    assert torch.equal(drawn(rank=1, world=2), ranks[1])
    with pytest.raises(BadInput, match="ranks count from 0"):
        drawn(rank=3, world=3)


def test_a_moment_counts_steps_updates_and_examples() -> None:
    moments = []
    learner, stepper = duel(repeats=2, every=3)
    (phase,) = learner.phases

    def loss(batch: Batch, streams: object, moment: Any) -> Losses:
        moments.append(moment)
        return phase.loss(batch, streams, moment)

    learner.phases[0] = DataPhase("only", ("left",), loss, repeats=2, every=3)
    for number in range(7):
        stepper.step(number, number / 7)
    assert [m.number for m in moments] == [0, 0, 3, 3, 6, 6]
    assert [m.update for m in moments] == [0, 1, 2, 3, 4, 5]
    assert [m.examples for m in moments] == [16 * n for n in range(6)]
    assert [m.images for m in moments] == [16 * m.number for m in moments], "one batch a step"
    assert [m.progress for m in moments] == [m.number / 7 for m in moments]
    assert not any(m.whole_graph for m in moments)


def test_images_are_those_of_all_processes() -> None:
    """A schedule over 120 images ends after 10 steps of three processes with 4 images each."""
    rate = Cosine(start=0.2, end=0.1, images=120)
    learner, _ = duel(Sgd(learning_rate=rate))
    (phase,) = learner.phases
    stepper = Stepper(learner, FLOAT32, Batches(Counting(), 4), seed=0, rank=1, world=3)
    assert stepper.draw(phase, 0, 5, 0.9)[2].images == 60
    rates = []
    for number in (0, 5, 10, 11):
        stepper.step(number, 0.9)
        rates.append(stepper.optimisers["left"].param_groups[0]["lr"])
    assert rates == pytest.approx([0.2, 0.15, 0.1, 0.1])


def test_projection_comes_after_the_update() -> None:
    learner, stepper = duel(Sgd(learning_rate=100.0))

    def clip() -> None:
        with torch.no_grad():
            for parameter in learner.left.parameters():
                parameter.clamp_(-0.01, 0.01)

    learner.phases[0] = replace(learner.phases[0], project=clip)
    stepper.step(0, 0.0)
    assert weights(learner.left).abs().max() <= 0.01


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    learner, stepper = duel(Sgd(learning_rate=0.1))
    before, right = weights(learner.left), learner.right
    stepper.step(0, 0.0)
    x = torch.ones(1, 2)
    slope = 3.0 * right(x).item()  # weights 1 and 2 of the same term; dL/dleft = 3·right(x)·(x, 1)
    expected = before - 0.1 * slope * torch.ones(3)
    torch.testing.assert_close(weights(learner.left), expected)


OPTIMISERS = [Adam(), Adam(weight_decay=0.1), Sgd(momentum=0.9), RmsProp(learning_rate=0.01)]


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: f"{o.kind}-{o.model_fields_set}")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_non_finite_update_is_not_applied(optimiser: Any, bad: float) -> None:
    """The bad step leaves no trace: the next step is what it would have been without it."""
    learner, stepper = duel(optimiser, data=False)
    twin, other = duel(optimiser, data=False)
    twin.load_state_dict(learner.state_dict())
    for number in range(2):
        stepper.step(number, 0.0)
        other.step(number, 0.0)
    learner.factor = bad
    stepper.step(2, 0.0)
    assert torch.equal(weights(learner), weights(twin))
    learner.factor = 1.0
    stepper.step(3, 0.0)
    other.step(3, 0.0)
    assert torch.equal(weights(learner), weights(twin))
    step, names = stepper.trouble.read() or (0, [])
    assert step == 3
    assert "term 'first' of the phase 'only'" in names
    assert "the gradient of the player 'left'" in names


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: f"{o.kind}-{o.model_fields_set}")
def test_a_bad_first_update_is_not_applied(optimiser: Any) -> None:
    parameter = nn.Parameter(torch.ones(3))
    made = optimiser.build([parameter])
    parameter.grad = torch.ones(3)
    guarded_step(made, torch.tensor(1.0))
    assert torch.equal(parameter, torch.ones(3))
    fresh = nn.Parameter(torch.ones(3))
    other = optimiser.build([fresh])
    for each, which in ((parameter, made), (fresh, other)):
        each.grad = torch.full((3,), 0.5)
        guarded_step(which, torch.tensor(0.0))
    assert torch.equal(parameter, fresh)


class HostReads(TorchDispatchMode):
    """Counts what would make the host wait for the device."""

    WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal")

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in self.WAITING:
            self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimiser", [Adam(), Sgd(momentum=0.9)], ids=["adam", "sgd"])
def test_a_step_never_reads_from_the_device(optimiser: Any) -> None:
    _, stepper = duel(optimiser, repeats=2, data=False)
    stepper.step(0, 0.0)
    with HostReads() as reads:
        for number in range(1, 4):
            stepper.step(number, 0.5)
    assert reads.calls == []
    with HostReads() as reads:
        stepper.meters.read()
        stepper.trouble.read()
        torch.ones(()).item()
    assert reads.calls, "the counter counts nothing"


def test_real_learners_never_read_from_the_device() -> None:

    from kit.tiny import VARIANTS, tiny

    for name, options in VARIANTS:
        run = tiny(name, **options)
        data = run.data.open()
        learner = run.learner.learner(data.info, batch_size=16, seed=0)
        loader = data.loader("train", 16, seed=0, device=torch.device("cpu"))
        stepper = Stepper(learner, FLOAT32, Batches(loader, 16), seed=0)
        stepper.step(0, 0.0)
        with HostReads() as reads:
            stepper.step(1, 0.0)
        assert reads.calls == [], name


def test_meters_average_and_start_again() -> None:
    meters = Meters()
    for value in (1.0, 2.0, 6.0):
        row = as_row([torch.tensor(value), torch.tensor(value, dtype=torch.bfloat16)])
        meters.add(("a", "b"), row)
    assert meters.read() == {"a": 3.0, "b": 3.0}
    assert meters.read() == {}


@pytest.mark.parametrize("members", [(), (3,)])
def test_meters_that_were_saved_anywhere_read_the_same(members: tuple[int, ...]) -> None:
    """Saved and taken back between any two updates, to the last bit; also across whole blocks."""
    count = 2 * BLOCK + 3
    sizes = torch.logspace(-3, 3, count).view(-1, *[1] * (1 + len(members)))
    rows = torch.randn(count, 2, *members) * sizes
    names = ("a", "b")

    def read(pause: int | None) -> dict[str, Any]:
        meters = Meters()
        for number, row in enumerate(rows):
            if number == pause:
                tensors, counts = meters.state()
                meters = Meters()
                meters.restore({k: v.clone() for k, v in sorted(tensors.items())}, counts)
            meters.add(names, row)
            meters.add(("other",), row[:1])
        return meters.read()

    whole = read(None)
    assert list(whole) == ["a", "b", "other"]
    torch.testing.assert_close(torch.tensor([whole["a"], whole["b"]]), rows.mean(0))
    for pause in (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, count - 1):
        assert read(pause) == whole, pause


def test_meters_take_sums_without_rows() -> None:
    """As checkpoints had them before rows were kept."""
    meters = Meters()
    meters.restore({"a|b": torch.tensor([6.0, 9.0])}, {"a|b": 3})
    assert meters.read() == {"a": 2.0, "b": 3.0}


def test_trouble_remembers_the_first_step() -> None:
    trouble = Trouble()
    good, bad = torch.tensor(1.0), torch.tensor(float("inf"))
    names = ("a", "b")
    assert trouble.watch(1, names, as_row([good, good])) == 0.0
    assert trouble.read() is None
    assert trouble.watch(2, names, as_row([good, bad])) == 1.0
    assert trouble.watch(3, names, as_row([bad, -bad])) == 1.0
    assert trouble.read() == (2, ["b"])
    for step in range(4, 4 + 2 * BLOCK):
        assert trouble.watch(step, names, as_row([good, bad * 0])) == 1.0
    assert trouble.read() == (2, ["b"])


def test_trouble_finds_the_step_within_a_block_and_of_any_member() -> None:
    trouble = Trouble()
    for step in range(1, 3 * BLOCK):
        row = torch.ones(2, 3)
        if step == BLOCK + 7:
            row[1, 2] = float("nan")
        assert trouble.watch(step, ("a", "b"), row) == float(step == BLOCK + 7)
    assert trouble.read() == (BLOCK + 7, ["b"])


def test_bfloat16_reaches_the_network_and_leaves_weights_and_losses_in_float32() -> None:
    seen: list[torch.dtype] = []
    learner, _ = duel()
    learner.left.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    policy = choose("cpu", "bfloat16")
    stepper = Stepper(learner, policy, Batches(Counting(), 16), seed=0)
    stepper.step(0, 0.0)
    assert seen == [torch.bfloat16]
    assert all(p.dtype == torch.float32 for p in learner.parameters())
    assert Term(torch.ones(4, dtype=torch.bfloat16)).reduced.dtype == torch.float32


def test_randomness_belongs_to_the_step_alone() -> None:
    """A step draws the same numbers whatever was drawn before it, from any generator."""

    def run(disturb: bool) -> Tensor:
        torch.manual_seed(0)
        learner, stepper = duel()
        noise: list[Tensor] = []

        def loss(batch: Batch, streams: Any, moment: object) -> Losses:
            noise.append(streams.normal((2,), "noise"))
            noise.append(torch.rand(2))  # a layer that draws by itself
            return Losses({"x": Term(learner.left(torch.ones(1, 2)).squeeze(1))})

        learner.phases[0] = DataPhase("only", ("left",), loss)
        for number in range(2):
            if disturb:
                torch.rand(number + 5)
            stepper.step(number, 0.0)
        return torch.cat(noise)

    assert torch.equal(run(False), run(True))
    assert len(set(run(False).tolist())) == 8


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(1)

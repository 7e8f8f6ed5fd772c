"""Several seeds in one program: member i is the single run with seed i."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch

import saddlepoint as sp
from kit.double import Doubled
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.learners.learner import Learner
from saddlepoint.randomness import Streams
from saddlepoint.training import trainer
from saddlepoint.training.device import Policy
from saddlepoint.training.record import read_record
from saddlepoint.training.step import Batches, Stepper

CPU = torch.device("cpu")
SEEDS = (3, 4, 5)
SMALL = {"norm": "virtual", "hidden": (48, 32)}
# with the step size, small where the usual one would make the game itself amplify the last bits
GAMES: list[tuple[dict[str, Any], float]] = [
    ({"data": "ring"}, 0.05),
    ({"data": "ring", "objective": "minimax", "critic_steps": 3}, 0.05),
    ({"data": "digits"}, 0.05),
    ({"data": "digits", "generator": SMALL, "critic": SMALL}, 0.05),
    ({"data": "digits", "generator": SMALL, "critic": {**SMALL, "minibatch": "std"}}, 0.05),
    ({"data": "ring", "critic": {"minibatch": "discrimination"}}, 0.005),
    ({"data": "digits", "critic": {**SMALL, "minibatch": "discrimination"}}, 0.001),
]


def trained(
    options: dict, seed: int | tuple[int, ...], steps: int, optimiser: dict | None = None
) -> Learner:
    """A learner in float64 after ``steps`` steps of plain SGD."""
    run = tiny("gan", **options)
    optimiser = optimiser or {"kind": "sgd", "learning_rate": 0.05}
    description = run.learner.replace(critic_optimiser=optimiser, generator_optimiser=optimiser)
    data = run.data.open()
    learner = description.learner(data.info, batch_size=16, seed=seed).double()
    if isinstance(seed, tuple):
        loader = MemberLoader(data, "train", 16, seeds=seed, device=CPU)
    else:
        loader = data.loader("train", 16, seed=seed, device=CPU)
    stepper = Stepper(learner, Policy(CPU, "float32"), Batches(Doubled(loader), 16), seed)
    for number in range(steps):
        stepper.step(number, number / steps)
    return learner


def part_of(together: torch.Tensor, member: int, alone: torch.Tensor) -> torch.Tensor:
    """A member's part of a tensor; what has no member axis belongs to all of them."""
    return together if together.shape == alone.shape else together[member]


@pytest.mark.parametrize(("options", "rate"), GAMES, ids=str)
def test_a_member_equals_the_single_run(options: dict, rate: float) -> None:
    """Float64, 100 plain-SGD steps, 1e-8: gradients are summed over members, not averaged."""
    sgd = {"kind": "sgd", "learning_rate": rate}
    together = trained(options, SEEDS, 100, sgd).state_dict()
    start = trained(options, SEEDS[-1], 0)
    for member, seed in enumerate(SEEDS):
        alone = trained(options, seed, 100, sgd).state_dict()
        for name, value in alone.items():
            part = part_of(together[name], member, value)
            torch.testing.assert_close(part, value, rtol=0, atol=1e-8)
    moved = max((alone[name] - p).abs().max() for name, p in start.named_parameters())
    assert moved > 1e-3, "nothing was trained"


def test_adam_agrees_as_well() -> None:
    adam = {"kind": "adam", "learning_rate": 1e-3}
    together = trained(GAMES[0][0], SEEDS, 20, adam).state_dict()
    alone = trained(GAMES[0][0], SEEDS[1], 20, adam).state_dict()
    for name, value in alone.items():
        torch.testing.assert_close(together[name][1], value, rtol=0, atol=1e-6)


def test_members_draw_their_own_numbers_and_batches() -> None:
    together = Streams(SEEDS, "train", 7).normal((4, 2), "latents")
    for member, seed in enumerate(SEEDS):
        assert torch.equal(together[member], Streams(seed, "train", 7).normal((4, 2), "latents"))
    assert not torch.equal(together[0], together[1])
    data = tiny("gan", data="ring").data.open()
    stacked = MemberLoader(data, "train", 16, seeds=SEEDS, device=CPU).batch(5)
    for member, seed in enumerate(SEEDS):
        alone = data.loader("train", 16, seed=seed, device=CPU).batch(5)
        assert torch.equal(stacked.x[member], alone.x)
        assert torch.equal(stacked.label[member], alone.label)


def test_samples_of_a_member(tmp_path: Path) -> None:
    run = tiny("gan", data="ring").replace(seeds=3, seed=3)
    sp.train(run, tmp_path / "together", quiet=True)
    sp.train(run.replace(seeds=1, seed=4), tmp_path / "alone", quiet=True)
    together, alone = sp.load(tmp_path / "together"), sp.load(tmp_path / "alone")
    torch.testing.assert_close(
        together.sample(70, seed=1, member=1), alone.sample(70, seed=1), rtol=1e-3, atol=1e-3
    )
    assert torch.equal(together.sample(70, member=2)[:5], together.sample(5, member=2))
    with pytest.raises(sp.BadInput, match="no member 3: the run has 3"):
        together.sample(1, member=3)


def test_the_record_holds_the_mean_and_each_member(tmp_path: Path) -> None:
    plain = {"watch": False}  # whose figures come at some lines only, and count pairs
    run = tiny("gan", data="ring", precision="float32", training=plain).replace(seeds=3)
    sp.train(run, tmp_path / "run", quiet=True)
    history = read_record(tmp_path / "run")
    for name, means in history.scalars.items():
        for mean, each in zip(means, history.members[name], strict=True):
            assert len(each) == 3
            assert mean == pytest.approx(sum(each) / 3)
            assert len(set(each)) > 1
    alone = tiny("gan", data="ring", precision="float32", seed=2, training=plain)
    sp.train(alone, tmp_path / "alone", quiet=True)
    last = read_record(tmp_path / "alone").scalars
    for name, values in last.items():
        assert history.members[name][-1][2] == pytest.approx(values[-1], rel=1e-3, abs=1e-4)


def test_members_resume_to_the_same_bits(tmp_path: Path) -> None:
    run = tiny("gan", data="ring").replace(seeds=3)
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=6)), tmp_path / "part", quiet=True)
    sp.resume(tmp_path / "part", steps=12, quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "part", 12))


def test_members_on_images_with_reference_batches_train_and_resume(tmp_path: Path) -> None:
    """Their reference batch has five axes: members, examples, channels, height and width."""
    run = tiny("gan", generator={"norm": "virtual"}, critic={"norm": "virtual"}).replace(seeds=2)
    sp.train(run, tmp_path / "whole", quiet=True)
    sp.train(run.replace(training=run.training.replace(steps=4)), tmp_path / "part", quiet=True)
    sp.resume(tmp_path / "part", steps=12, quiet=True)
    assert same_bits(tensors(tmp_path / "whole", 12), tensors(tmp_path / "part", 12))


def test_one_program_refuses_networks_without_members(tmp_path: Path) -> None:
    with pytest.raises(sp.BadInput, match="need fully connected networks"):
        trainer.train(tiny("dcgan").replace(seeds=2), tmp_path / "run", quiet=True)
    convolutional = tiny("vae", network="convolutional")
    with pytest.raises(sp.BadInput, match="need fully connected networks"):
        trainer.train(convolutional.replace(seeds=2), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_bad_member_stops_the_run_and_is_named(tmp_path: Path) -> None:
    run = tiny("gan", data="ring", steps=200).replace(seeds=2)
    optimiser = {"kind": "sgd", "learning_rate": 1e30}
    run = run.replace(learner=run.learner.replace(critic_optimiser=optimiser))
    with pytest.raises(sp.RunStopped, match="became infinite or NaN"):
        sp.train(run, tmp_path / "run", quiet=True)
    assert json.loads((tmp_path / "run/run.json").read_text())["given"]["seeds"] == 2


def test_the_report_shows_the_mean_its_spread_and_each_seed(tmp_path: Path) -> None:
    run = tiny("gan", data="ring").replace(seeds=3)
    sp.train(run, tmp_path / "run", quiet=True)
    page = sp.build_report(tmp_path / "run").read_text()
    assert "The 3 seeds at step 12" in page
    last = read_record(tmp_path / "run").members["critic/loss"][-1]
    for value in last:
        assert f"<td>{value:.4g}</td>" in page
    assert f"{statistics.fmean(last):.4g} ± {statistics.stdev(last):.2g}" in page
    sp.train(tiny("gan", data="ring"), tmp_path / "single", quiet=True)
    assert "seeds at step" not in sp.build_report(tmp_path / "single").read_text()
